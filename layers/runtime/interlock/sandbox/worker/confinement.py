"""Confine worker processes and their child processes by means of the kernel, for as long as they live.

The zygote prepares the confinement and its children apply it. Parts that the kernel does not support, or that the host
does not permit, are left out: worker processes start without them, and the function's log gets one warning.
"""

import contextlib
import os
import sys
from collections.abc import Collection, Iterator, Sequence

from interlock.sandbox.wire.processes import read_proc
from interlock.sandbox.worker import landlock, seccomp, syscalls
from interlock.sandbox.worker.capabilities import drop_capabilities
from interlock.sandbox.worker.rules import rules, rules_of_workers

_AUTOGROUP = "/proc/self/autogroup"
"""A worker process lowers the priority of its session here, sometimes only at a later run."""

_MOST_ANCESTORS = 50
"""Upper bound for the number of checks in the filter: a BPF jump skips at most 255 instructions."""


class Confinement:
    """Seccomp filters and Landlock domains for processes with and without the network.

    Each process that loads code is confined before it does so, and each worker process once more before it gets a
    request: it can change files only in its own directory and in `writable`, and cannot reach other processes of the
    same template. Code that is loading may write anywhere, because it has not seen any input.
    """

    def __init__(self, writable: Sequence[str] = ()) -> None:
        self._writable = *writable, *landlock.DEVICES, _AUTOGROUP
        self._filters: dict[bool, bytes] = {}
        self._rulesets: dict[bool, int | None] = {}
        self._files_abi: int | None = None
        with _one_warning() as lacks:
            with _noted(lacks, "no seccomp filter"):
                self._make_filters()
            with _noted(lacks, "no Landlock, so that tools with the network can reach the Lambda Runtime API"):
                abi = landlock.abi(needed=landlock.NETWORK_ABI)
                self._rulesets[False] = landlock.ruleset(abi, closed_ports=None)
            with _noted(lacks, "no Landlock for files, so that tools can write outside their directory"):
                self._files_abi = landlock.abi(needed=landlock.FILES_ABI)

    def _make_filters(self) -> None:
        seccomp.check_available()
        protected = sorted(set(_protected()))
        machine = syscalls.machine()
        for network in (False, True):
            given = rules(network=network, protected=protected)
            self._filters[network] = seccomp.packed(seccomp.compile_filter(given, machine))
        self._worker_filter = seccomp.PackedFilter(seccomp.compile_filter(rules_of_workers(), machine))

    def prepare(self, closed_ports: Collection[int] | None) -> None:
        """Create the ruleset for the next worker process. Called in the zygote. `closed_ports=None`: no network."""
        if closed_ports is None or True in self._rulesets or False not in self._rulesets:
            return
        self._rulesets[True] = None  # it is tried once
        with _one_warning() as lacks, _noted(lacks, "no Landlock for tools with the network"):
            abi = landlock.abi(needed=landlock.NETWORK_ABI)
            self._rulesets[True] = landlock.ruleset(abi, closed_ports=closed_ports)

    def apply(self, *, network: bool) -> None:
        """Confine this process and all that it forks. Called before it loads code."""
        with _one_warning() as lacks:
            with _noted(lacks, "all capabilities"):
                drop_capabilities()
            with _noted(lacks, "no Landlock"):
                if (ruleset := self._rulesets.get(network)) is not None:
                    landlock.restrict(ruleset)
            with _noted(lacks, "no seccomp filter"):
                if self._filters:
                    seccomp.install(self._filters[network])
        for descriptor in self._rulesets.values():
            if descriptor is not None:
                os.close(descriptor)

    def confine_worker(self, folder: str, *, template: int | None) -> None:
        """Add the restrictions of a process that has loaded its code. Called before it gets a request. `template` is
        the process that it was forked from, if any. Raises OSError."""
        if self._files_abi is not None:
            ruleset = landlock.files_ruleset(self._files_abi, (folder, *self._writable))
            landlock.restrict(ruleset)
            os.close(ruleset)
        if self._filters:
            # Without a template, the parent is the zygote, which the first filter protects anyway.
            seccomp.install(self._worker_filter.of_process(os.getpid(), template or os.getppid()))


@contextlib.contextmanager
def _noted(lacks: list[str], what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        lacks.append(f"{what} ({error})")


@contextlib.contextmanager
def _one_warning() -> Iterator[list[str]]:
    """Yield a list, and write its entries as one warning to standard error, which is still the function's log."""
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
