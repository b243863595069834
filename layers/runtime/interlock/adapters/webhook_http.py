"""Send a message to the URL of a webhook, which is not trusted.

The host is resolved once. If all of its addresses are allowed, the connection goes to one of them, so a name that
resolves to another address a moment later (DNS rebinding) has no effect. TLS verifies the certificate for the host's
name. No response body is read, and no redirect is followed.
"""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from email.utils import parsedate_to_datetime
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from ipaddress import ip_address
from queue import Empty, SimpleQueue

from interlock.domain.deadline import Deadline
from interlock.domain.times import utc_now
from interlock.domain.webhook import Answer, DeliveryError
from interlock.domain.webhook_url import Address, BadUrl, Target, UrlRules

LIMIT_S = 15.0
"""Time from the resolution of the host's name to the head of the response."""

CONNECT_LIMIT_S = 5.0
"""Time to connect to one of several addresses."""

type Resolve = Callable[[str, int], Sequence[Address]]


class _Failed(Exception):
    def __init__(self, error: DeliveryError) -> None:
        super().__init__(error)
        self.error = error


def resolve(host: str, port: int) -> Sequence[Address]:
    """Return the addresses of a host, the preferred first. Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [ip_address(address[0]) for *_, address in found]


class WebhookSender:
    """`interlock.webhook_ports.SendMessage`. Tests pass a resolver, the context of TLS, and a shorter limit."""

    def __init__(
        self,
        rules: UrlRules,
        *,
        resolve: Resolve = resolve,
        tls: ssl.SSLContext | None = None,
        limit_s: float = LIMIT_S,
    ) -> None:
        self._rules = rules
        self._resolve = resolve
        self._tls = tls or ssl.create_default_context()
        self._limit_s = limit_s

    def __call__(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        deadline = Deadline.after(self._limit_s)
        try:
            target = self._rules.check(url)
            with self._connected_to(target, deadline) as connection:
                connection.request("POST", target.path, body, dict(headers))
                answer = _answer(connection.getresponse())
            # A head that the shutdown at the deadline has cut off looks as if it were complete.
            return Answer(error=DeliveryError.TIMEOUT) if deadline.passed else answer
        except BadUrl:
            # The rules have changed since the URL was accepted.
            return Answer(error=DeliveryError.FORBIDDEN_ADDRESS)
        except _Failed as failed:
            return Answer(error=failed.error)
        except (OSError, HTTPException) as error:
            # After the deadline, the connection was shut down from this side.
            timed_out = isinstance(error, TimeoutError) or deadline.passed
            return Answer(error=DeliveryError.TIMEOUT if timed_out else DeliveryError.RESET)

    @contextmanager
    def _connected_to(self, target: Target, deadline: Deadline) -> Iterator[HTTPConnection]:
        """Connect to an address of the target, and shut the connection down at the deadline: a receiver may send its
        response byte by byte, and each would extend a timeout of the socket."""
        plain = _connect(self._addresses(target, deadline), target.port, deadline)
        with plain, plain.dup() as guarded:
            timer = threading.Timer(deadline.left_s, _shut_down, [guarded])
            timer.daemon = True
            timer.start()
            try:
                connection: HTTPConnection
                if target.secure:
                    connection = HTTPSConnection(target.host, target.port, context=self._tls)
                    connection.sock = self._start_tls(plain, target.host, deadline)
                else:
                    connection = HTTPConnection(target.host, target.port)
                    connection.sock = plain
                try:
                    yield connection
                finally:
                    connection.close()
            finally:
                timer.cancel()

    def _start_tls(self, plain: socket.socket, host: str, deadline: Deadline) -> ssl.SSLSocket:
        try:
            return self._tls.wrap_socket(plain, server_hostname=host)
        except ssl.SSLError:
            raise _Failed(DeliveryError.TIMEOUT if deadline.passed else DeliveryError.TLS) from None

    def _addresses(self, target: Target, deadline: Deadline) -> Sequence[Address]:
        """Return the addresses of the target's host, all of which are allowed."""
        found = self._look_up(target, deadline)
        if not found:
            raise _Failed(DeliveryError.DNS)
        if not all(self._rules.allows(address, target) for address in found):
            raise _Failed(DeliveryError.FORBIDDEN_ADDRESS)
        return found

    def _look_up(self, target: Target, deadline: Deadline) -> Sequence[Address]:
        """Resolve the host. A resolver has no time limit, so it runs in a thread that can be abandoned."""
        answers: SimpleQueue[Sequence[Address]] = SimpleQueue()

        def look_up() -> None:
            try:
                answers.put(self._resolve(target.host, target.port))
            except (OSError, UnicodeError):
                answers.put(())

        threading.Thread(target=look_up, daemon=True).start()
        try:
            return answers.get(timeout=deadline.left_s)
        except Empty:
            return ()


def _connect(addresses: Sequence[Address], port: int, deadline: Deadline) -> socket.socket:
    failure = DeliveryError.CONNECT
    for address in addresses:
        if deadline.passed:
            failure = DeliveryError.TIMEOUT
            break
        try:
            made = socket.create_connection((str(address), port), min(CONNECT_LIMIT_S, deadline.left_s))
        except TimeoutError:
            failure = DeliveryError.TIMEOUT
        except OSError as error:
            reset = isinstance(error, ConnectionResetError)
            failure = DeliveryError.RESET if reset else DeliveryError.CONNECT
        else:
            made.settimeout(max(deadline.left_s, 0.001))
            return made
    raise _Failed(failure)


def _shut_down(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


def _answer(response: HTTPResponse) -> Answer:
    """Return the answer of a receiver by the head of its response."""
    status = response.status
    if 200 <= status < 300:
        return Answer(status)
    error = DeliveryError.REDIRECT if 300 <= status < 400 else DeliveryError.STATUS
    return Answer(status, error, _retry_after(response.getheader("Retry-After", "")))


def _retry_after(text: str) -> timedelta:
    """Return the pause of a `Retry-After` (RFC 9110, section 10.2.3): seconds or a date."""
    if text.isascii() and text.isdigit():
        return timedelta(seconds=int(text[:9]))
    with suppress(ValueError, TypeError):
        return max(parsedate_to_datetime(text) - utc_now(), timedelta(0))
    return timedelta(0)
