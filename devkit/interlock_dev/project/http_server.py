"""An HTTP server on a listening socket, for the gateway and for the local AWS."""

import re
import socket
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Self

from werkzeug.serving import WSGIRequestHandler, make_server

_LENGTH = re.compile("0*([0-9]{1,15})")

_POLL_S = 0.05
"""Interval in seconds at which a server checks whether it must stop."""

type Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class QuietHandler(WSGIRequestHandler):
    """A request handler that does not log requests and does not wait to fill packets."""

    disable_nagle_algorithm = True

    def log(self, *_: object) -> None:
        return


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
