"""Kill and stop the processes of a running tool from the test, because tools are not permitted to."""

import os
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from interlock.sandbox.wire.processes import read_proc
from interlock_dev.stack.client import Answer, Client

START_LIMIT_S = 30


@dataclass(frozen=True, slots=True)
class Family:
    """The process ids of a running tool and of its ancestors."""

    worker: int
    zygote: int
    runtime: int


def family(pid_file: Path) -> Family:
    """Return the processes of a tool, as soon as it has written its process id."""
    deadline = time.monotonic() + START_LIMIT_S
    while not pid_file.exists():
        assert time.monotonic() < deadline, "the tool did not start"
        time.sleep(0.005)
    worker = int(pid_file.read_text())
    zygote = parent_of(worker)
    return Family(worker, zygote, parent_of(zygote))


def parent_of(pid: int) -> int:
    return int(read_proc(f"{pid}/stat").rpartition(b")")[2].split()[1])


def struck(client: Client, pid_file: Path, strike: Callable[[Family], object]) -> Answer:
    """Run a long-running tool, call `strike` with its processes meanwhile, and return the response."""
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(client.execute, "dying", "waits", {"path": str(pid_file)})
        strike(family(pid_file))
        return call.result()


def kill_zygote(family: Family) -> None:
    os.kill(family.zygote, signal.SIGKILL)


def kill_zygotes_group(family: Family) -> None:
    os.killpg(os.getpgid(family.zygote), signal.SIGKILL)


def kill_runtime(family: Family) -> None:
    os.kill(family.runtime, signal.SIGKILL)
