"""Processes that may be killed: each command is carried out by a fork of its own.

`python -m tests.faults.driver <url>` reads commands from standard input, a JSON line each, and answers each with how
its process ended: the exit code, or the negative number of a signal. What else there is to say stands in files.
"""

import json
import os
import subprocess
import sys
import traceback
from dataclasses import asdict, dataclass
from typing import Any

from interlock import job_runner
from tests.faults.injection import Fault, Faults
from tests.faults.paths import PATHS
from tests.faults.system import HEARTBEAT_S, ROOT, Place, System, client, new_sandbox

CALLS = "calls"
LAST_WORDS = "last-words"
ERROR = "error"


@dataclass(frozen=True, slots=True)
class Command:
    """Drives a path with a fault at its n-th call."""

    place: Place
    path: str
    fault: Fault
    at: int


class Driver:
    """The process that forks, as the tests see it."""

    def __init__(self, url: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.driver", url],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip

    def carry_out(self, command: Command) -> int:
        """How the command's process ended: its exit code, or the negative number of a signal."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(asdict(command)) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


def _carry_out(command: Command) -> None:
    job_runner.HEARTBEAT_S = HEARTBEAT_S
    path, place = PATHS[command.path], command.place
    sandbox = new_sandbox()
    faults = Faults(command.fault, command.at, last_words=place.file(LAST_WORDS))
    system = System(place, sandbox, faults=faults, engine_retries=path.engine_retries)
    faults.after = path.after_call(system)
    path.drive(system)
    place.file(CALLS).write_text(json.dumps(faults.calls))
    sandbox.close()


def main(url: str) -> None:
    client("dynamodb", url), client("s3", url)
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what the functions log
    for line in sys.stdin:
        asked: dict[str, Any] = json.loads(line)
        command = Command(Place(**asked["place"]), asked["path"], Fault(asked["fault"]), asked["at"])
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                _carry_out(command)
                code = 0
            except BaseException:
                command.place.file(ERROR).write_text(traceback.format_exc())
            os._exit(code)
        _, status = os.waitpid(pid, 0)
        answers.write(f"{os.waitstatus_to_exitcode(status)}\n")
        answers.flush()


if __name__ == "__main__":
    main(sys.argv[1])
