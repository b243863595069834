"""Functions inside this process, for machines on which the emulator does not run (macOS, Windows).

A Powertools resolver stores the current request in its class, so the functions behind the API take turns; each other
function handles one event at a time. Functions share their environment variables. `NOT_ENFORCED` is written to standard
error.
"""

import importlib.util
import json
import os
import threading
import time
import traceback
import uuid
from collections.abc import Callable, Collection
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from interlock_dev.lambda_.environments import Environment, InitFailed, Invocation, Launch, failure
from interlock_dev.lambda_.pool import MAX_RESPONSE_BYTES
from interlock_dev.project.template import ACCOUNT, REGION

NOT_ENFORCED = (
    "functions run inside this process, without the Lambda runtime. Not enforced: a function's timeout, memory and "
    "permissions, and its isolation from other functions; requests are served one at a time"
)

_OURS = ("LANG", "PATH", "PYTHONPATH", "TZ")
"""Variables that keep this process's values."""


class InProcess:
    """Creates environments. `together` are the functions that must not run concurrently."""

    def __init__(self, together: Collection[str]) -> None:
        self._together = together
        self._shared = threading.Lock()
        self._import = threading.Lock()

    def create(self, launch: Launch) -> Environment:
        """Create an environment. A pool may hold only one of a function."""
        lock = self._shared if launch.name in self._together else threading.Lock()
        return _InProcessEnvironment(launch, lock, self._import)


class _InProcessEnvironment:
    def __init__(self, launch: Launch, running: threading.Lock, importing: threading.Lock) -> None:
        self._launch = launch
        self._running = running
        self._importing = importing
        self._handler: Callable[[Any, LambdaContext], Any] | None = None

    def start(self) -> None:
        with self._importing:
            os.environ.update({name: value for name, value in self._launch.variables.items() if name not in _OURS})
            try:
                module, _, name = self._launch.handler.rpartition(".")
                self._handler = getattr(self._load(module), name)
            except Exception as error:
                traceback.print_exc()
                raise InitFailed(failure("Runtime.ImportModuleError", str(error))) from error

    def _load(self, module: str) -> ModuleType:
        # The modules of all functions are called `handler` and need distinct names.
        file = self._launch.task_root / f"{module.replace('.', '/')}.py"
        spec = importlib.util.spec_from_file_location(f"{self._launch.name}_{module}", file)
        if spec is None or spec.loader is None:
            raise ImportError(f"{file} is not a Python file")
        loaded = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(loaded)
        return loaded

    def invoke(self, payload: bytes) -> Invocation:
        if self._handler is None:
            raise RuntimeError("invoke before start")
        context = LambdaContext(self._launch, time.monotonic() + self._launch.timeout_s)
        try:
            with self._running:
                answer = json.dumps(self._handler(json.loads(payload), context)).encode()
        except (Exception, SystemExit) as error:
            traceback.print_exc()
            return _failed(error, context.aws_request_id)
        if len(answer) > MAX_RESPONSE_BYTES:
            return failure("Function.ResponseSizeTooLarge", "Response payload size exceeded maximum allowed payload "
                           f"size ({MAX_RESPONSE_BYTES} bytes).")  # fmt: skip
        return Invocation(answer)

    def close(self) -> None:
        self._handler = None


@dataclass(frozen=True, slots=True)
class LambdaContext:
    """Lambda's context object of an invocation."""

    launch: Launch
    until: float
    aws_request_id: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "aws_request_id", str(uuid.uuid4()))

    @property
    def function_name(self) -> str:
        return self.launch.name

    @property
    def function_version(self) -> str:
        return "$LATEST"

    @property
    def memory_limit_in_mb(self) -> str:
        return self.launch.variables["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]

    @property
    def invoked_function_arn(self) -> str:
        return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{self.launch.name}"

    def get_remaining_time_in_millis(self) -> int:
        return max(0, round((self.until - time.monotonic()) * 1000))


def _failed(error: BaseException, request_id: str) -> Invocation:
    """Return the function error that AWS's runtime reports for an exception, without its logged stack trace."""
    document = {
        "errorMessage": str(error),
        "errorType": type(error).__name__,
        "requestId": request_id,
        "stackTrace": [],
    }
    return Invocation(json.dumps(document).encode(), "Unhandled")
