"""An execution environment: two processes that serve one function, one request at a time.

The first is AWS's Runtime Interface Emulator, which aws-sam-cli ships; the second is AWS's runtime client for Python.
The emulator enforces the time limit and reports crashes. It has two shortcomings that this module makes up for: it
reports a failed function only through the shape of the body, and it imports the handler with the first invocation.

Memory (`MemorySize`) and CPU are not limited.
"""

import contextlib
import http.client
import json
import platform
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

from interlock_dev.lambda_ import runtime
from interlock_dev.project.processes import end_tree, guarded, listens, loopback_address, next_port, spawn

_ERROR_KEYS = {"errorMessage", "errorType", "requestId", "stackTrace"}
"""The keys of an exception that AWS's Python runtime reports."""

_TIMED_OUT = re.compile(rb"Task timed out after [\d.]+ seconds")
"""The emulator's response after a timeout. It is not JSON, so it cannot come from a function."""

_START_ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class Invocation:
    """The result of an invocation. `error` is `X-Amz-Function-Error`, or None if the function returned. `broken` means
    that the environment must not be used again."""

    payload: bytes
    error: str | None = None
    broken: bool = False

    @property
    def error_message(self) -> str | None:
        """The message of the function's error, or None if it returned."""
        if self.error is None:
            return None
        with contextlib.suppress(ValueError, AttributeError):
            return str(json.loads(self.payload).get("errorMessage"))
        return ""

    @property
    def timed_out(self) -> bool:
        """Whether the function's time limit ended it."""
        return self.error is not None and b"Sandbox.Timedout" in self.payload


def failure(kind: str, message: str) -> Invocation:
    """Return a function error in AWS's format, after which the environment is not used again."""
    return Invocation(json.dumps({"errorType": kind, "errorMessage": message}).encode(), "Unhandled", broken=True)


class InitFailed(Exception):
    """The function could not be started: its module cannot be imported, or takes too long."""

    def __init__(self, invocation: Invocation) -> None:
        super().__init__(invocation.error_message)
        self.invocation = invocation


class Environment(Protocol):
    """The interface of an execution environment."""

    def start(self) -> None:
        """Load the function. Raise `InitFailed`."""

    def invoke(self, payload: bytes) -> Invocation:
        """Run one event (JSON). Must not be called while another event runs."""

    def close(self) -> None:
        """End all its processes."""


@dataclass(frozen=True, slots=True)
class Launch:
    """The parameters of a function's processes. `interpreter` is the command that runs Python, with its flags."""

    name: str
    handler: str
    interpreter: Sequence[str]
    task_root: Path
    variables: Mapping[str, str]
    timeout_s: int


class EmulatorEnvironment:
    """An emulator with its runtime."""

    def __init__(self, launch: Launch, *, temp_root: Path) -> None:
        self._launch = launch
        self._temp_root = temp_root
        self._temp: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._port = 0

    def start(self) -> None:
        try:
            self._start()
        except OSError as error:
            raise InitFailed(failure("Runtime.Unknown", f"Error: {error}")) from error

    def _start(self) -> None:
        self._temp = Path(tempfile.mkdtemp(prefix=f"{self._launch.name}-", dir=self._temp_root))
        self._start_emulator(self._temp)
        for _ in range(_START_ATTEMPTS):
            warm_up = self.invoke(runtime.WARM_UP)
            if warm_up.error is None:
                return
            # The emulator applies the function's time limit to its start, which AWS does not: retry a slow start on
            # a busy machine.
            if not warm_up.timed_out:
                break
        raise InitFailed(warm_up)

    def _start_emulator(self, temp: Path) -> None:
        for _ in range(_START_ATTEMPTS):
            self._port = next_port()
            address = loopback_address()
            emulator = [
                str(emulator_path()),
                *("--log-level", "error"),
                *("--runtime-interface-emulator-address", f"{address}:{self._port}"),
                *("--runtime-api-address", f"{address}:{next_port()}"),
            ]
            served = [*self._launch.interpreter, runtime.__file__, self._launch.handler]
            self._process = spawn(
                guarded([*emulator, *served]),
                env={**self._launch.variables, "TMPDIR": str(temp)},
                cwd=self._launch.task_root,
            )
            if self._listens(self._process):
                return
        raise InitFailed(failure("Runtime.Unknown", "the Runtime Interface Emulator does not start"))

    def _listens(self, process: subprocess.Popen[bytes], within_s: float = 10.0) -> bool:
        until = time.monotonic() + within_s
        while process.poll() is None and time.monotonic() < until:
            # Connecting would not show which process has the port: a tool with network access may have taken it.
            if listens(process.pid, loopback_address(), self._port):
                return True
            time.sleep(0.005)
        return False

    def invoke(self, payload: bytes) -> Invocation:
        # The emulator enforces the function's time limit. This timeout is for an emulator that hangs.
        connection = http.client.HTTPConnection(loopback_address(), self._port, timeout=self._launch.timeout_s + 30)
        try:
            connection.request("POST", "/2015-03-31/functions/function/invocations", payload)
            answer = connection.getresponse()
            return read_answer(answer.status, answer.read())
        except (OSError, http.client.HTTPException) as error:
            return failure("Runtime.ExitError", f"Error: the execution environment is gone ({type(error).__name__})")
        finally:
            connection.close()

    def close(self) -> None:
        if self._process is not None:
            end_tree(self._process)
            self._process = None
        if self._temp is not None:
            shutil.rmtree(self._temp, ignore_errors=True)


def read_answer(status: int, body: bytes) -> Invocation:
    """Parse the emulator's response."""
    if status != http.client.OK:
        return Invocation(body, "Unhandled", broken=True)
    if _TIMED_OUT.fullmatch(body):
        return failure("Sandbox.Timedout", f"Error: {body.decode()}")
    if b'"stackTrace"' in body:
        with contextlib.suppress(ValueError):
            document = json.loads(body)
            if isinstance(document, dict) and document.keys() == _ERROR_KEYS:
                return Invocation(body, "Unhandled")
    return Invocation(body)


def emulator_path() -> Path:
    """Return the path of aws-sam-cli's Runtime Interface Emulator for this machine's architecture."""
    spec = find_spec("samcli.local.rapid")
    folder = Path(next(iter(spec.submodule_search_locations))) if spec and spec.submodule_search_locations else Path()
    architecture = "arm64" if platform.machine() in {"aarch64", "arm64"} else "x86_64"
    return folder / f"aws-lambda-rie-{architecture}"


def emulator_runs_here() -> bool:
    """Return whether this machine can run the emulator, which is a Linux program."""
    return platform.system() == "Linux" and emulator_path().is_file()
