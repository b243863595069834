"""Run each command in a forked process that may be killed.

`python -m tests.exhaustive.driver <url>` reads commands from standard input, one JSON document per line, and answers
each with the exit code of its process, or with the negative number of a signal. Everything else is written to files.
"""

import contextlib
import gc
import importlib
import json
import os
import signal
import socket
import subprocess
import sys
import traceback
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from interlock.composition.sandbox import PRELOAD
from interlock.jobs import lease
from interlock.sandbox.supervisor import sandbox as supervisor
from interlock.sandbox.supervisor.zygote_process import INHERITED, ZygoteProcess
from interlock.sandbox.worker import zygote
from tests.exhaustive.defects import DEFECTS
from tests.exhaustive.injection import Fault, Faults
from tests.exhaustive.paths import PATHS
from tests.exhaustive.system import ROOT, SharedState, System, new_client, new_sandbox

CALLS = "calls"
ORPHANS = "orphans"
ERROR = "error"
MAX_DESCRIPTOR = 1024


@dataclass(frozen=True, slots=True)
class Command:
    """Run a path with a fault at call number `at`, and with the defect of this name, if any."""

    shared: SharedState
    path: str
    fault: Fault
    at: int
    defect: str = ""


class ForkedZygote(ZygoteProcess):
    """A zygote that is forked from this process instead of started by exec, which takes a tenth of the time.

    This process has imported what it needs. Everything else is as in the real zygote."""

    def _start(self, theirs: socket.socket, arguments: list[str], env: Mapping[str, str]) -> Any:
        pid = os.fork()
        if pid:
            return _Child(pid)
        try:
            os.setsid()
            os.chdir("/")
            kept = {name: os.environ[name] for name in INHERITED if name in os.environ} | dict(env)
            os.environ.clear()
            os.environ.update(kept)
            descriptor = theirs.detach()
            os.closerange(3, descriptor)
            os.closerange(descriptor + 1, MAX_DESCRIPTOR)
            zygote.main([str(descriptor), self.folders.root, *arguments])
        finally:
            os._exit(0)


class _Child:
    """A child process with the interface of `subprocess.Popen`."""

    def __init__(self, pid: int) -> None:
        self.pid = pid

    def send_signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)

    def wait(self, _limit_s: float = 0) -> None:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.pid, 0)


class Driver:
    """A client of the process that forks."""

    def __init__(self, url: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.exhaustive.driver", url],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip

    def execute(self, command: Command) -> int:
        """Run a command and return the exit code of its process, or the negative number of a signal."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(asdict(command)) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


def _execute(command: Command) -> None:
    if command.defect:
        DEFECTS[command.defect](setattr)
    path, shared = PATHS[command.path], command.shared
    lease.HEARTBEAT_S, lease.CLAIM_DELAY_S = path.heartbeat_s, path.claim_delay_s
    sandbox = new_sandbox()
    sandbox.start()  # before there are threads
    faults = Faults(command.fault, command.at, orphans_file=shared.file(ORPHANS))
    system = System(shared, sandbox, faults=faults, engine_retries=path.engine_retries, limited=path.limited)
    faults.after = path.after_call(system)
    path.drive(system)
    shared.file(CALLS).write_text(json.dumps(faults.calls))
    sandbox.close()


def main(url: str) -> None:
    setattr(supervisor, "ZygoteProcess", ForkedZygote)  # noqa: B010 - what the sandbox starts
    for module in PRELOAD:
        importlib.import_module(module)
    new_client("dynamodb", url), new_client("s3", url)
    gc.collect()
    gc.freeze()
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what the functions log
    for line in sys.stdin:
        asked: dict[str, Any] = json.loads(line)
        command = Command(**asked | {"shared": SharedState(**asked["shared"]), "fault": Fault(asked["fault"])})
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                _execute(command)
                code = 0
            except BaseException:
                command.shared.file(ERROR).write_text(traceback.format_exc())
            os._exit(code)
        _, status = os.waitpid(pid, 0)
        answers.write(f"{os.waitstatus_to_exitcode(status)}\n")
        answers.flush()


if __name__ == "__main__":
    main(sys.argv[1])
