"""Lambda's `Invoke`, answered from the stack's functions. Other requests are passed to the next application.

https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
An asynchronous invocation is tried once; AWS tries a failing one three times.
"""

import json
import logging
import re
import uuid
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any
from urllib.parse import unquote

from interlock_dev.lambda_.environments import Invocation
from interlock_dev.lambda_.functions import Invoker, UnknownFunction
from interlock_dev.lambda_.pool import RequestTooLarge, Throttled, check_size
from interlock_dev.project.http_server import Wsgi

logger = logging.getLogger(__name__)

_INVOKE = re.compile(r"/2015-03-31/functions/([^/]+)/invocations/?")
_REASONS = {200: "OK", 202: "Accepted", 204: "No Content", 404: "Not Found", 413: "Request Entity Too Large",
            429: "Too Many Requests"}  # fmt: skip


class LambdaApi:
    """WSGI middleware that answers `Invoke`."""

    def __init__(self, app: Wsgi, functions: Invoker) -> None:
        self._app = app
        self._functions = functions
        self._events = ThreadPoolExecutor(max_workers=64, thread_name_prefix="event")

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        match = _INVOKE.fullmatch(environ.get("PATH_INFO", ""))
        if not match or environ["REQUEST_METHOD"] != "POST":
            return self._app(environ, start_response)
        status, headers, body = self._answer(unquote(match[1]), environ)
        start_response(
            f"{status} {_REASONS[status]}",
            # moto's workflow interpreter fails without a request id.
            [("x-amzn-RequestId", str(uuid.uuid4())), ("Content-Length", str(len(body))), *headers.items()],
        )
        return [body]

    def close(self) -> None:
        self._events.shutdown(wait=False, cancel_futures=True)

    def send(self, function: str, payload: bytes) -> None:
        """Invoke a function asynchronously (`InvocationType: Event`)."""
        self._events.submit(self._functions.invoke, function, payload).add_done_callback(_log_failure)

    def _answer(self, name: str, environ: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
        payload = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)) or b"{}"
        try:
            function = self._functions.resolve(name)
            check_size(payload)
            match environ.get("HTTP_X_AMZ_INVOCATION_TYPE", "RequestResponse"):
                case "Event":
                    self.send(function, payload)
                    return 202, {}, b""
                case "DryRun":
                    return 204, {}, b""
                case _:
                    return _completed(self._functions.invoke(function, payload))
        except UnknownFunction as error:
            return _refused(404, "ResourceNotFoundException", str(error))
        except RequestTooLarge as error:
            return _refused(413, "RequestTooLargeException", str(error))
        except Throttled as error:
            return _refused(429, "TooManyRequestsException", str(error))


def _completed(invocation: Invocation) -> tuple[int, dict[str, str], bytes]:
    headers = {"Content-Type": "application/json", "X-Amz-Executed-Version": "$LATEST"}
    if invocation.error:
        headers["X-Amz-Function-Error"] = invocation.error
    return 200, headers, invocation.payload


def _refused(status: int, kind: str, message: str) -> tuple[int, dict[str, str], bytes]:
    body = json.dumps({"Type": "User", "Message": message}).encode()
    return status, {"Content-Type": "application/json", "x-amzn-ErrorType": kind}, body


def _log_failure(future: Future[Invocation]) -> None:
    if not future.cancelled() and future.exception():
        logger.error("an asynchronous invocation was not run: %s", future.exception())
