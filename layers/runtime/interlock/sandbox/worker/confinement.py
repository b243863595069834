"""Confine workers and their child processes by means of the kernel, for as long as they live.

The zygote prepares the confinement and each worker applies it. Parts that the kernel does not support, or that the host
does not permit, are left out: workers start without them, and the function's log gets one warning.
"""

import contextlib
import os
import sys
from collections.abc import Collection, Iterator

from interlock.sandbox.wire.processes import read_proc
from interlock.sandbox.worker import landlock, seccomp, syscalls
from interlock.sandbox.worker.capabilities import drop_capabilities
from interlock.sandbox.worker.rules import rules

_MOST_ANCESTORS = 50
"""Upper bound for the number of checks in the filter: a BPF jump skips at most 255 instructions."""


class Confinement:
    """Seccomp filters and Landlock domains for workers with and without the network.

    Workers inherit the descriptors of both rulesets and close them before any plugin code runs.
    """

    def __init__(self) -> None:
        self._filters: dict[bool, seccomp.PackedFilter] = {}
        self._rulesets: dict[bool, int | None] = {}
        with _one_warning() as lacks:
            with _noted(lacks, "no seccomp filter"):
                self._make_filters()
            with _noted(lacks, "no Landlock, so that tools with the network can reach the Lambda Runtime API"):
                self._rulesets[False] = landlock.ruleset(landlock.abi(), closed_ports=None)

    def _make_filters(self) -> None:
        seccomp.check_available()
        protected = sorted(set(_protected()))
        for network in (False, True):
            given = rules(network=network, protected=protected)
            program = seccomp.compile_filter(given, syscalls.machine())
            self._filters[network] = seccomp.PackedFilter(program)

    def prepare(self, closed_ports: Collection[int] | None) -> None:
        """Create the ruleset that the next worker needs. Called in the zygote. None: no network."""
        if closed_ports is None or True in self._rulesets or False not in self._rulesets:
            return
        self._rulesets[True] = None  # it is tried once
        with _one_warning() as lacks, _noted(lacks, "no Landlock for tools with the network"):
            self._rulesets[True] = landlock.ruleset(landlock.abi(), closed_ports=closed_ports)

    def apply(self, *, network: bool) -> None:
        """Confine this process. Called in a worker before it imports a plugin."""
        with _one_warning() as lacks:
            with _noted(lacks, "all capabilities"):
                drop_capabilities()
            with _noted(lacks, "no Landlock"):
                if (ruleset := self._rulesets.get(network)) is not None:
                    landlock.restrict(ruleset)
            with _noted(lacks, "no seccomp filter"):
                if self._filters:
                    seccomp.install(self._filters[network].of_process(os.getpid()))
        for descriptor in self._rulesets.values():
            if descriptor is not None:
                os.close(descriptor)


@contextlib.contextmanager
def _noted(lacks: list[str], what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        lacks.append(f"{what} ({error})")


@contextlib.contextmanager
def _one_warning() -> Iterator[list[str]]:
    """Write to standard error, which is the function's log until a worker gets its own streams."""
    lacks: list[str] = []
    yield lacks
    if lacks:
        sys.stderr.write(f"WARNING plugins are confined by less than Interlock asks for: {'; '.join(lacks)}\n")


def _protected() -> Iterator[int]:
    """Yield the ids of this process and its ancestors, and their process groups as negative numbers."""
    pid, parent = os.getpid(), os.getppid()
    for _ in range(_MOST_ANCESTORS):
        yield pid
        with contextlib.suppress(OSError):
            if group := os.getpgid(pid):  # 0: of another pid namespace
                yield -group
        if not parent:
            return
        pid, parent = parent, _parent_of(parent)


def _parent_of(pid: int) -> int:
    """Return the parent's process id, or 0 if there is none or it cannot be read."""
    found = read_proc(f"{pid}/stat").rpartition(b")")[2].split()[1:2]
    return int(found[0]) if found else 0
