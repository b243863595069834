"""A receiver of webhooks that answers each path as scripted, and records the messages."""

import json
import socket
import struct
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks import Webhook


@dataclass(frozen=True, slots=True)
class Reply:
    """A response. Status 0 resets the connection, and -1 holds it until the receiver stops."""

    status: int
    headers: Mapping[str, str] | None = None


RESET, HANG, ACCEPTED = Reply(0), Reply(-1), Reply(204)


@dataclass(frozen=True, slots=True)
class Message:
    """A request that arrived, and when, on the monotonic clock."""

    at: float
    headers: Mapping[str, str]
    body: bytes

    def verified(self, secret: str) -> Any:
        """Return the message. Raise `WebhookVerificationError` unless this secret has signed it."""
        Webhook(secret).verify(self.body, dict(self.headers))
        return json.loads(self.body)


class Receiver:
    """A receiver. `replies` are the responses to the requests for each path, in order; further requests get 204."""

    def __init__(self, replies: Mapping[str, Sequence[Reply]]) -> None:
        self.messages: dict[str, list[Message]] = defaultdict(list)
        self.url = ""
        self.hold = threading.Event()
        """While it is cleared, no response is sent."""
        self.hold.set()
        self.ended = threading.Event()
        self._replies = replies
        self._lock = threading.Lock()

    def reply(self, path: str, message: Message) -> Reply:
        with self._lock:
            seen = self.messages[path]
            seen.append(message)
            scripted = self._replies.get(path, ())
            return scripted[len(seen) - 1] if len(seen) <= len(scripted) else ACCEPTED


def _handler(receiver: Receiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            reply = receiver.reply(self.path, Message(time.monotonic(), dict(self.headers), body))
            receiver.hold.wait()
            if reply == HANG:
                receiver.ended.wait()
            elif reply == RESET:
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.connection.close()
            else:
                self.send_response(reply.status)
                for name, value in (reply.headers or {}).items():
                    self.send_header(name, value)
                self.end_headers()

        def handle_one_request(self) -> None:
            try:
                super().handle_one_request()
            except (OSError, ValueError):  # closed by a reset
                self.close_connection = True

        def log_message(self, *_: object) -> None:
            pass

        def finish(self) -> None:
            try:
                super().finish()
            except (OSError, ValueError):
                return

    return Handler


@contextmanager
def receiving(replies: Mapping[str, Sequence[Reply]] | None = None) -> Iterator[Receiver]:
    """Receive webhooks on a port of this machine."""
    receiver = Receiver(replies or {})

    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(receiver))
    receiver.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, args=[0.05], daemon=True).start()
    try:
        yield receiver
    finally:
        receiver.hold.set()
        receiver.ended.set()
        server.shutdown()
        server.server_close()
