"""A sandbox with its reports, and checks of the processes and files that it leaves behind."""

import os
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from interlock.sandbox import Alarm, CancelToken, Completed, Ending, Limits, LogLine, Sandbox
from interlock.sandbox.supervisor.zygote_process import ZygoteProcess
from interlock.sandbox.wire.processes import children, descendants
from tests.process.sandbox import measured

TARGET = "tests.process.sandbox.target:serve"
PATIENT = Limits(wall_s=60, load_s=60, memory_mb=1000, result_bytes=1 << 20, grace_s=60)
"""Limits that nothing runs into by accident, however slow the machine is."""

STOPPED = replace(PATIENT, wall_s=0.3)
"""Limits for code that ends on SIGTERM."""

KILLED = replace(PATIENT, wall_s=0.3, grace_s=0.2)
"""Limits for code that ignores SIGTERM."""

SLEEP = "import time\nchannel.progress(0.5, 'on')\ntime.sleep(60)"
"""Source that reports progress once, then sleeps."""

LOSES_ZYGOTE = """
import time
channel.log("info", "now")
time.sleep(60)
"""
"""Source that logs a line, then sleeps. Use it with `Bench.kill_zygote`."""


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
class Bench:
    """Runs source in a sandbox. `progress` and `logs` are those of the last run."""

    sandbox: Sandbox
    progress: list[tuple[float, str]] = field(default_factory=list)
    logs: list[LogLine] = field(default_factory=list)
    bystanders: set[int] = field(default_factory=lambda: children(os.getpid()))
    """Child processes that existed before this sandbox."""

    @classmethod
    def new(
        cls,
        *,
        preload: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
        target: str = TARGET,
        closed_ports: Sequence[int] = (),
    ) -> "Bench":
        measuring = [measured.__name__] if measured.STARTED_BY else []
        sandbox = Sandbox(
            target,
            preload=[*measuring, *preload],
            env={**(env or {}), **measured.STARTED_BY},
            closed_ports=closed_ports,
        )
        sandbox.start()
        return cls(sandbox)

    def run(
        self,
        source: str | bytes,
        limits: Limits = PATIENT,
        *,
        key: str = "key",
        cancel: CancelToken | None = None,
        alarm: Alarm | None = None,
        on_progress: Callable[[float, str], None] | None = None,
        on_log: Callable[[LogLine], None] | None = None,
        fill: Callable[[str], None] = lambda _folder: None,
        network: bool = False,
    ) -> Ending:
        self.progress, self.logs = [], []
        return self.sandbox.run(
            key,
            source.encode() if isinstance(source, str) else source,
            limits,
            network=network,
            cancel=cancel,
            alarm=alarm,
            on_progress=on_progress or (lambda fraction, message: self.progress.append((fraction, message))),
            on_log=on_log or self.logs.append,
            fill=fill,
        )

    def result(self, source: str, limits: Limits = PATIENT, *, key: str = "key", network: bool = False) -> str:
        """Return the result of source that completes."""
        ending = self.run(source, limits, key=key, network=network)
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
        zygote = self.sandbox._zygote
        assert zygote is not None
        return zygote

    def processes(self) -> set[int]:
        """Return all live processes below the zygote."""
        return set(filter(alive, descendants(self.zygote.pid)))

    def messages(self, stream: str) -> list[str]:
        return [line.message for line in self.logs if line.stream == stream]

    def assert_nothing_left(self) -> None:
        """Assert that only idle workers run, nothing is unreaped, and every run directory is empty."""
        assert children(self.zygote.pid) <= self.zygote.workers
        assert self.processes() <= self.zygote.workers
        assert {worker.pid for worker in self.sandbox._warm.values()} == self.zygote.workers
        strays = {pid for pid in children(os.getpid()) - ZygoteProcess.running - self.bystanders if alive(pid)}
        assert not [pid for pid in strays if os.getsid(pid) != os.getsid(0)]
        folders = list(Path(self.zygote.folders.root).iterdir())
        assert len(folders) <= 1
        assert not [inside for folder in folders for inside in folder.iterdir()]

    def assert_usable(self) -> None:
        """Assert that the next run completes, and that it leaves nothing behind."""
        assert self.result("result = 'next'") == "next"
        self.assert_nothing_left()
