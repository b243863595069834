"""A sandbox with its reports, and checks of the processes and files that it leaves behind."""

import os
import signal
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from copy import replace
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from interlock.sandbox import Alarm, CancelToken, Code, Completed, Ending, Limits, LogLine, Sandbox
from interlock.sandbox.supervisor.worker_process import WorkerKey, WorkerProcess
from interlock.sandbox.supervisor.zygote_process import ZygoteProcess
from interlock.sandbox.wire.processes import children, descendants
from tests.process.sandbox import measured

TARGET, LOADER = "tests.process.sandbox.target:serve", "tests.process.sandbox.target:load"
PATIENT = Limits(wall_s=60, load_s=60, memory_mb=1000, result_bytes=1 << 20, grace_s=60)
"""Limits that nothing runs into by accident, however slow the machine is."""

STOPPED = replace(PATIENT, wall_s=0.3)
"""Limits for code that ends on SIGTERM."""

KILLED = replace(PATIENT, wall_s=0.3, grace_s=0.2)
"""Limits for code that ignores SIGTERM."""

READY = b"#ready\n"
"""Separates the source that is run while loading from that of a request."""

SLEEP = "import time\nchannel.progress(0.5, 'on')\ntime.sleep(60)"
"""Source that reports progress once, then sleeps."""

LOSES_ZYGOTE = """
import time
channel.log("info", "now")
time.sleep(60)
"""
"""Source that logs a line, then sleeps. Use it with `Harness.kill_zygote`."""


def alive(pid: int) -> bool:
    """Return whether a process runs. A process that has ended and was not reaped does not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return False
    return stat.rpartition(b")")[2].split()[:1] not in ([b"Z"], [b"X"])


def open_descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def wait_until(condition: Callable[[], bool], what: str, limit_s: float = 30) -> None:
    until = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < until, f"still not so after {limit_s} s: {what}"
        time.sleep(0.005)


@dataclass
class Harness:
    """Runs source in a sandbox. `progress`, `logs` and `unforkable` are those of the last run."""

    sandbox: Sandbox
    progress: list[tuple[float, str]] = field(default_factory=list)
    logs: list[LogLine] = field(default_factory=list)
    unforkable: list[str] = field(default_factory=list)
    bystanders: set[int] = field(default_factory=lambda: children(os.getpid()))
    """Child processes that existed before this sandbox."""

    loaded: dict[str, bytes] = field(default_factory=dict)
    """The source that was run while loading, by key."""

    @classmethod
    def new(
        cls,
        *,
        preload: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
        target: str = TARGET,
        closed_ports: Sequence[int] = (),
        writable: Sequence[str] = (tempfile.gettempdir(),),
    ) -> "Harness":
        """Start a sandbox whose code may write to the temporary directory, so that tests can observe what it does."""
        measuring = [measured.__name__] if measured.STARTED_BY else []
        sandbox = Sandbox(
            target,
            loader=LOADER,
            preload=[*measuring, *preload],
            env={**(env or {}), **measured.STARTED_BY},
            closed_ports=closed_ports,
            writable=[*writable, *measured.FOLDERS],
        )
        sandbox.start()
        return cls(sandbox)

    def run(
        self,
        source: str | bytes,
        limits: Limits = PATIENT,
        *,
        key: str = "key",
        fork_safe: bool = True,
        once: bool = False,
        cancel: CancelToken | None = None,
        alarm: Alarm | None = None,
        on_progress: Callable[[float, str], None] | None = None,
        on_log: Callable[[LogLine], None] | None = None,
        fill: Callable[[str], None] = lambda _folder: None,
        network: bool = False,
    ) -> Ending:
        """Run source for the tenant `key`. What precedes `#ready` is run while loading, and later runs of the key use
        the same code."""
        self.progress, self.logs, self.unforkable = [], [], []
        given = source.encode() if isinstance(source, str) else source
        loading, _, request = given.rpartition(READY)
        loading = loading or self.loaded.get(key, b"")
        ending = self.sandbox.run(
            Code(loading, network=network, fork_safe=fork_safe),
            key,
            request,
            limits,
            once=once,
            cancel=cancel,
            alarm=alarm,
            on_progress=on_progress or (lambda fraction, message: self.progress.append((fraction, message))),
            on_log=on_log or self.logs.append,
            on_unforkable=self.unforkable.append,
            fill=fill,
        )
        if isinstance(ending, Completed):
            self.loaded[key] = loading
        return ending

    def result(self, source: str, limits: Limits = PATIENT, **options: Any) -> str:
        """Return the result of source that completes. The options are those of `run`."""
        ending = self.run(source, limits, **options)
        assert isinstance(ending, Completed), ending
        return ending.payload.decode()

    def pid(self, *, key: str = "key") -> int:
        """Return the id of the worker process that serves the next run of the key."""
        return int(self.result("import os\nresult = os.getpid()", key=key))

    def kill_zygote(self, line: LogLine) -> None:
        """Kill the zygote when the source logs a line, as `on_log`. Worker processes are not permitted to kill it."""
        if line.stream == "log":
            os.kill(self.zygote.pid, signal.SIGKILL)

    @property
    def zygote(self) -> ZygoteProcess:
        zygote = self.sandbox._pool.zygote
        assert zygote is not None
        return zygote

    def warm(self, key: str) -> WorkerProcess:
        """Return the warm worker process of a key."""
        kept = self.sandbox._pool.warm._processes
        return kept[WorkerKey(Code(self.loaded.get(key, b"")), key)]

    def processes(self) -> set[int]:
        """Return all live processes below the zygote."""
        return set(filter(alive, descendants(self.zygote.pid)))

    def messages(self, stream: str) -> list[str]:
        return [line.message for line in self.logs if line.stream == stream]

    def assert_nothing_left(self) -> None:
        """Assert that only idle workers run, nothing is unreaped, and every run directory is empty."""
        assert children(self.zygote.pid) <= self.zygote.workers
        assert self.processes() <= self.zygote.workers
        pool = self.sandbox._pool
        assert {worker.pid for worker in (*pool.warm, *pool.templates)} == self.zygote.workers
        strays = {pid for pid in children(os.getpid()) - ZygoteProcess.running - self.bystanders if alive(pid)}
        assert not [pid for pid in strays if os.getsid(pid) != os.getsid(0)]
        kept = [worker.folder for worker in (*pool.warm, *pool.templates)]
        there = {str(one) for one in Path(self.zygote.folders.root).iterdir()}
        assert {one.path for one in kept} <= there <= {path for one in kept for path in (one.path, one.loading)}
        assert not [inside for one in pool.warm for run in Path(one.folder.path).iterdir() for inside in run.iterdir()]

    def assert_usable(self) -> None:
        """Assert that the next run completes, and that it leaves nothing behind."""
        assert self.result("result = 'next'") == "next"
        self.assert_nothing_left()
