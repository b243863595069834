"""Reading of requests as API Gateway does it: limits, and requests that cannot be parsed."""

import io
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from werkzeug.test import create_environ, run_wsgi_app

from interlock_dev.apigateway.responses import GatewayError
from interlock_dev.project.http_server import QuietHandler, Wsgi, content_length

MAX_BODY_BYTES = 10 * 1024 * 1024
"""API Gateway's limit of a request body."""

REFUSAL = "interlock.refusal"
"""Key in the WSGI environment for the reason why `WholeBody` rejects a request: a `GatewayError`, or None."""

HEADERS = "interlock.headers"
"""Key in the WSGI environment for the request's headers as name and value pairs: WSGI joins repeated ones."""

_DIGITS = re.compile("[0-9]+")
_UNREADABLE = {414: ("URI_TOO_LONG", "URI Too Long"), 431: ("HEADERS_TOO_LARGE", "Request Header Fields Too Large")}


class GatewayHandler(QuietHandler):
    """A handler that also lets the gateway answer requests that cannot be parsed."""

    def make_environ(self) -> dict[str, Any]:
        environ: dict[str, Any] = super().make_environ()
        environ[HEADERS] = list(self.headers.items())
        # `http.server` reduces slashes at the start to one. The gateway has to see the path that was sent.
        environ["RAW_URI"] = self.requestline.split()[1]
        return environ

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:  # noqa: ARG002
        kind, text = _UNREADABLE.get(code, ("BAD_REQUEST_LINE", "Bad Request"))
        host, _ = self.client_address
        environ = {**create_environ(), "REMOTE_ADDR": host, REFUSAL: GatewayError(kind, text)}
        body, status, headers = run_wsgi_app(self.server.app, environ)
        # Until the request line is parsed, `http.server` assumes HTTP/0.9, which has no headers.
        self.request_version, self.close_connection = "HTTP/1.1", True
        self.send_response_only(int(status.split()[0]))
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Connection", "close")
        self.end_headers()
        if getattr(self, "command", None) != "HEAD":
            self.wfile.write(b"".join(body))


class WholeBody:
    """WSGI middleware that reads the whole body first, since the limit applies to chunked bodies, too.

    Bytes that are not UTF-8 become the replacement character, as on AWS.
    """

    def __init__(self, app: Wsgi) -> None:
        self._app = app

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        body = b""
        environ.setdefault(REFUSAL, None)
        try:
            body = _read(environ).decode("utf-8", "replace").encode()
        except GatewayError as refusal:
            environ[REFUSAL] = refusal
        environ |= {"wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))}
        environ.pop("HTTP_TRANSFER_ENCODING", None)
        return self._app(environ, start_response)


def _read(environ: Mapping[str, Any]) -> bytes:
    """Return the body. Raise `GatewayError` if it is too large, incomplete, or if its length is ambiguous; the server
    discards the rest of it."""
    stream, announced = environ["wsgi.input"], content_length(environ)
    if _ambiguous(environ.get(HEADERS, [])):
        raise _bad_request()
    try:
        if environ.get("wsgi.input_terminated"):
            body: bytes = stream.read(MAX_BODY_BYTES + 1)
            announced = len(body)
        elif announced is not None:
            body = stream.read(announced) if announced <= MAX_BODY_BYTES else b""
        elif not _DIGITS.fullmatch(environ["CONTENT_LENGTH"]):
            raise _bad_request()
    except OSError as error:
        raise _bad_request() from error
    if announced is None or announced > MAX_BODY_BYTES:
        raise GatewayError("REQUEST_TOO_LARGE", "Request Too Long")
    if len(body) < announced:
        raise _bad_request()
    return body


def _ambiguous(headers: Iterable[tuple[str, str]]) -> bool:
    """Return whether two recipients could disagree about where the body ends (RFC 9112, section 6.3): different
    lengths, a length beside a transfer coding, or another coding than `chunked`."""
    values: dict[str, list[str]] = {"content-length": [], "transfer-encoding": []}
    for name, value in headers:
        values.get(name.strip().lower(), []).append(value.strip().lower())
    lengths, codings = values.values()
    return len(set(lengths)) > 1 or (bool(codings) and (codings != ["chunked"] or bool(lengths)))


def _bad_request() -> GatewayError:
    return GatewayError("BAD_REQUEST_PARAMETERS", "Bad Request")
