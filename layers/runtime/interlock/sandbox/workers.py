"""The zygote and its workers as the supervisor sees them."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

INHERITED = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "LD_LIBRARY_PATH")
"""What a worker may know of the Lambda process's environment: nothing that tells of accounts, tables or keys."""

_BOOT = """
import json, sys
sys.path[:], sys.prefix, sys.exec_prefix = json.loads(sys.argv.pop(1))
from interlock.sandbox.zygote import main
main(sys.argv[1:])
"""


class ZygoteGone(Exception):
    """The zygote has ended: somebody killed it."""


@dataclass(eq=False, slots=True)
class Worker:
    """A worker process with our ends of its pipes. `exited` is a descriptor that becomes readable when it ends."""

    key: str
    pid: int
    requests: int
    answers: int
    stdout: int
    stderr: int
    exited: int
    loaded: bool = False

    def signal(self, number: int) -> None:
        """Sends a signal to this very process, if it still is."""
        with contextlib.suppress(ProcessLookupError):
            if self.exited >= 0:
                signal.pidfd_send_signal(self.exited, number)
            else:
                os.kill(self.pid, number)

    def close(self) -> None:
        for descriptor in (self.requests, self.answers, self.stdout, self.stderr, self.exited):
            if descriptor >= 0:
                os.close(descriptor)


class ZygoteProcess:
    """The zygote, started by exec: it inherits nothing but its socket, and the environment that we write for it."""

    def __init__(self, target: str, preload: Sequence[str], env: Mapping[str, str]) -> None:
        # Where to import from, and where packages find their data: what `site` would have found, had it been asked.
        places = json.dumps([sys.path, sys.prefix, sys.exec_prefix])
        self._control, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                [sys.executable, "-I", "-S", "-c", _BOOT, places, str(theirs.fileno()), target, *preload],
                env={name: os.environ[name] for name in INHERITED if name in os.environ} | dict(env),
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                cwd="/",
            )
        self.pid = self._process.pid
        self.workers = 0

    def fileno(self) -> int:
        """Readable while nothing was asked: the zygote is gone."""
        return self._control.fileno()

    def spawn(self, key: str) -> Worker:
        """A new worker. Raises `ZygoteGone`."""
        (requests_theirs, requests), (answers, answers_theirs) = os.pipe(), os.pipe()
        (stdout, stdout_theirs), (stderr, stderr_theirs) = os.pipe(), os.pipe()
        theirs = [requests_theirs, answers_theirs, stdout_theirs, stderr_theirs]
        try:
            pid = self._ask({"do": "spawn"}, theirs)["pid"]
        except ZygoteGone:
            for descriptor in (requests, answers, stdout, stderr):
                os.close(descriptor)
            raise
        finally:
            for descriptor in theirs:
                os.close(descriptor)
        self.workers += 1
        for descriptor in (requests, answers, stdout, stderr):
            os.set_blocking(descriptor, False)
        # Linux alone has it; elsewhere the end shows when the pipe's other end closes.
        exited = os.pidfd_open(pid) if hasattr(os, "pidfd_open") else -1
        return Worker(key, pid, requests, answers, stdout, stderr, exited)

    def sweep(self, worker: Worker) -> int:
        """Ends what a run has left running; returns how many processes. Raises `ZygoteGone`."""
        return int(self._ask({"do": "sweep", "pid": worker.pid})["swept"])

    def end(self, worker: Worker) -> int | None:
        """Ends a worker with all that descends from it; returns its wait status. Raises `ZygoteGone`."""
        status: int | None = self._ask({"do": "end", "pid": worker.pid})["status"]
        self.workers -= 1
        return status

    def close(self) -> None:
        """Closes the socket, upon which the zygote ends all its workers and itself."""
        self._control.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(15)
            return
        self._process.kill()
        self._process.wait()

    def _ask(self, command: Mapping[str, Any], descriptors: Sequence[int] = ()) -> dict[str, Any]:
        try:
            socket.send_fds(self._control, [json.dumps(command).encode()], descriptors)
            answer = bytearray()
            while not answer.endswith(b"\n"):
                part = self._control.recv(4096)
                if not part:
                    raise ZygoteGone
                answer += part
        except OSError as error:
            raise ZygoteGone from error
        document: dict[str, Any] = json.loads(answer)
        return document
