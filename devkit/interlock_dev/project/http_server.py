"""An HTTP server on a listening socket, for the gateway and for the local AWS."""

import re
import socket
import threading
from collections.abc import Callable, Iterable, Mapping
from io import BufferedIOBase
from typing import IO, Any, Self, cast

from werkzeug.serving import DechunkedInput, WSGIRequestHandler, make_server

_LENGTH = re.compile("0*([0-9]{1,15})")

_POLL_S = 0.05
"""Interval in seconds at which a server checks whether it must stop."""

_SILENCE_S = 30.0
"""A connection is closed if, for this time, no byte of the request arrives or the client accepts no response byte."""

type Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class QuietHandler(WSGIRequestHandler):
    """A request handler that does not log requests and does not wait to fill packets."""

    disable_nagle_algorithm = True
    timeout = _SILENCE_S

    def make_environ(self) -> dict[str, Any]:
        environ: dict[str, Any] = super().make_environ()
        if environ.get("wsgi.input_terminated"):
            environ["wsgi.input"] = dechunked(self.rfile)
        return environ

    def log(self, *_: object) -> None:
        return


def dechunked(stream: BufferedIOBase) -> DechunkedInput:
    """Return the body of a chunked request. Reading an incomplete one raises OSError."""
    return DechunkedInput(cast("IO[bytes]", _WholeReads(stream)))


class _WholeReads:
    """A stream that raises OSError instead of returning fewer bytes than were requested.

    werkzeug reports an incomplete chunk as complete. The interpreter would then read beyond the buffer: into other
    memory of this process, or the process would crash.
    """

    def __init__(self, stream: BufferedIOBase) -> None:
        self._stream = stream

    def read(self, size: int) -> bytes:
        data = self._stream.read(size)
        if len(data) < size:
            raise OSError("the body ends within a chunk")
        return data

    def readline(self, limit: int) -> bytes:
        return self._stream.readline(limit)


class HttpServer:
    """A server of a WSGI application with a thread for each connection. Requests wait in the socket until `start`."""

    def __init__(self, app: Wsgi, listener: socket.socket, *, handler: type[WSGIRequestHandler] = QuietHandler) -> None:
        host, port = listener.getsockname()
        self._server = make_server(host, port, app, threaded=True, request_handler=handler, fd=listener.fileno())
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(_POLL_S,), name=f"http-{port}", daemon=True
        )

    def start(self) -> Self:
        self._thread.start()
        return self

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def content_length(environ: Mapping[str, Any]) -> int | None:
    """Return the announced length of the body, or None when it is not a number of at most 15 digits."""
    length = _LENGTH.fullmatch(environ.get("CONTENT_LENGTH") or "0")
    return int(length[1]) if length else None
