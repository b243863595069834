"""AWS on a loopback port: moto's server for DynamoDB, S3 and Step Functions, with Lambda's Invoke, IAM and the
verification of signatures in front of it.

moto's DynamoDB is not thread-safe (lost updates, two winners of one condition), and neither is StartExecution (two
executions with one name), so each of the two services handles one request at a time.
"""

import io
import os
import socket
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from moto.core.config import default_user_config
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app

from interlock_dev.aws.dynamodb import shortcuts
from interlock_dev.aws.dynamodb.expiry import Expiry
from interlock_dev.aws.dynamodb.narrowing import narrowed
from interlock_dev.aws.dynamodb.stream import TableStream
from interlock_dev.aws.iam.policies import Iam, Statement
from interlock_dev.aws.iam.signatures import Signatures
from interlock_dev.aws.lambda_api.invocations import LambdaApi
from interlock_dev.aws.step_functions import executions as step_functions
from interlock_dev.aws.step_functions.maps import run_workers_as_loops
from interlock_dev.lambda_.functions import Invoker
from interlock_dev.project.access_keys import OWNER, AccessKey
from interlock_dev.project.http_server import HttpServer, QuietHandler, Wsgi

_START_EXECUTION = "AWSStepFunctions.StartExecution"
_STOP_EXECUTION = "AWSStepFunctions.StopExecution"


class LocalAws:
    """The server. `listener` is a bound loopback socket; requests wait in it until `start`."""

    def __init__(
        self,
        listener: socket.socket,
        functions: Invoker,
        policies: Mapping[str, Sequence[Statement]],
        owner: AccessKey,
    ) -> None:
        """`policies` maps functions to statements. `owner` may do everything."""
        port = listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        # moto's workflows call http://localhost:$MOTO_PORT, and run only with `execute_state_machine`.
        os.environ["MOTO_PORT"] = str(port)
        default_user_config["stepfunctions"] = {"execute_state_machine": True}
        default_user_config["lambda"] = {"use_docker": False}
        shortcuts.apply()
        step_functions.sign_calls(owner)
        step_functions.refuse_forgotten_names()
        run_workers_as_loops()
        self._moto = moto = OneAtATime(DomainDispatcherApplication(create_backend_app))
        self._expiry = Expiry(moto.dynamodb_lock)
        self._streams: dict[str, TableStream] = {}
        self.lambda_api = LambdaApi(moto, functions)
        keys = {OWNER: owner, **{name: owner.of_function(name) for name in policies}}
        self._server = HttpServer(Signatures(Iam(self.lambda_api, policies), keys), listener, handler=_MotoHandler)

    def start(self) -> None:
        self._server.start()
        self._expiry.start()
        step_functions.warm_up()

    def stream(self, table: str) -> TableStream:
        """Return the stream of a table."""
        return self._streams.setdefault(table, TableStream(table, self._moto.dynamodb_lock))

    def close(self) -> None:
        self._expiry.stop()
        self.lambda_api.close()
        self._server.close()


class _MotoHandler(QuietHandler, MotoRequestHandler):  # type: ignore[misc]  # moto has no types
    """moto's request handler, which preserves the case of S3 metadata."""


class OneAtATime:
    """WSGI middleware with one lock for each service that needs one. A lock is not held while a request is read or its
    response is written. Other services handle requests concurrently."""

    def __init__(self, app: Wsgi) -> None:
        self._app = app
        self.dynamodb_lock = threading.Lock()
        self._services = {
            "DynamoDB": (self.dynamodb_lock, create_backend_app("dynamodb")),
            "AWSStepFunctions": (threading.Lock(), create_backend_app("stepfunctions")),
        }

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        target = environ.get("HTTP_X_AMZ_TARGET", "")
        service = self._services.get(target.partition("_")[0].partition(".")[0])
        if service is None:
            return self._app(environ, start_response)
        lock, app = service
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        with lock, narrowed(target, body):
            if target == _START_EXECUTION:
                step_functions.forget_finished()
            if target == _STOP_EXECUTION:
                step_functions.abort(body)
            environ["wsgi.input"] = io.BytesIO(body)
            return _read_all(app(environ, start_response))


def _read_all(parts: Iterable[bytes]) -> list[bytes]:
    try:
        return list(parts)
    finally:
        if (close := getattr(parts, "close", None)) is not None:
            close()
