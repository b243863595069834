"""Sending messages over real sockets: statuses, network errors, and addresses that must not be reached."""

import socket
import threading
from collections.abc import Callable, Sequence
from datetime import timedelta
from email.utils import format_datetime
from ipaddress import ip_address
from typing import Any

import pytest

from interlock.adapters import webhook_http
from interlock.adapters.webhook_http import WebhookSender
from interlock.domain.times import utc_now
from interlock.domain.webhook import Answer, DeliveryError
from interlock.domain.webhook_url import Address, Target, UrlRules
from tests.forbidden_urls import FORBIDDEN
from tests.service.receivers import HOST, Behavior, Certificate, Listening, answers, certificate, listening

BODY = b'{"type":"job.succeeded"}'
HEADERS = {"webhook-id": "JOB-finished"}
LOCAL = UrlRules(local=True)
LOOPBACK = ip_address("127.0.0.1")


class LoopbackIsPublic(UrlRules, frozen=True):
    """Rules that permit TLS receivers on any port of 127.0.0.1, and no other address."""

    def check(self, url: str) -> Target:
        host, port = url.removeprefix("https://").rstrip("/").split(":")
        return Target(True, host, int(port), "/hook")

    def allows(self, address: Address, target: Target) -> bool:
        return address == LOOPBACK


@pytest.fixture(scope="module")
def trusted(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return certificate(tmp_path_factory.mktemp("certificate"))


def sent(behavior: Behavior | None, *, limit_s: float = 5) -> tuple[Answer, Listening]:
    with listening(behavior) as receiver:
        answer = WebhookSender(LOCAL, limit_s=limit_s)(f"http://127.0.0.1:{receiver.port}/hook?a=b", HEADERS, BODY)
        return answer, receiver


def secure(trusted: Certificate, host: str, port: int, *, default_trust: bool = False) -> Answer:
    tls = None if default_trust else trusted.client
    return WebhookSender(LoopbackIsPublic(), resolve=lambda *_: [LOOPBACK], tls=tls, limit_s=5)(
        f"https://{host}:{port}/", HEADERS, BODY
    )


# --- Statuses ---


def test_request_has_path_headers_and_body() -> None:
    answer, receiver = sent(answers("HTTP/1.1 200 OK\r\n\r\n"))
    assert answer == Answer(200)
    [request] = receiver.requests
    head, _, body = request.partition(b"\r\n\r\n")
    assert head.startswith(b"POST /hook?a=b HTTP/1.1\r\n")
    assert f"Host: 127.0.0.1:{receiver.port}".encode() in head
    assert b"webhook-id: JOB-finished" in head
    assert body == BODY


@pytest.mark.parametrize(
    ("head", "answer"),
    [
        ("201 Created", Answer(201)),
        ("204 No Content", Answer(204)),
        ("299 Whatever", Answer(299)),
        ("301 Moved\r\nLocation: http://127.0.0.1:9/", Answer(301, DeliveryError.REDIRECT)),
        ("307 Moved\r\nLocation: /elsewhere", Answer(307, DeliveryError.REDIRECT)),
        ("400 Bad Request", Answer(400, DeliveryError.STATUS)),
        ("410 Gone", Answer(410, DeliveryError.STATUS)),
        ("429 Slow down\r\nRetry-After: 120", Answer(429, DeliveryError.STATUS, timedelta(minutes=2))),
        ("503 Down\r\nRetry-After: -3", Answer(503, DeliveryError.STATUS)),
        ("503 Down\r\nRetry-After: soon", Answer(503, DeliveryError.STATUS)),
        ("503 Down\r\nRetry-After: Sun, 22 Nov 2026 10:11:12 GMT", Answer(503, DeliveryError.STATUS)),
        ("500 Error", Answer(500, DeliveryError.STATUS)),
    ],
)
def test_status_decides_and_no_redirect_is_followed(head: str, answer: Answer) -> None:
    found, receiver = sent(answers(f"HTTP/1.1 {head}\r\nContent-Length: 0\r\n\r\n"))
    assert found == answer
    assert receiver.connections == 1


def test_retry_after_may_be_a_date() -> None:
    date = format_datetime(utc_now() + timedelta(hours=1), usegmt=True)
    answer, _ = sent(answers(f"HTTP/1.1 503 Down\r\nRetry-After: {date}\r\n\r\n"))
    assert timedelta(minutes=59) < answer.retry_after <= timedelta(hours=1)


def test_response_body_is_not_read() -> None:
    """The receiver never stops sending, so the answer must be returned with the head of the response."""

    def babble(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n")
        while True:
            connection.sendall(b"x" * 65536)

    answer, _ = sent(babble, limit_s=60)
    assert answer == Answer(200)


# --- Network errors ---


def _wait_for_end(connection: socket.socket) -> None:
    connection.recv(1)


def test_receiver_that_does_not_answer_times_out() -> None:
    answer, receiver = sent(_wait_for_end, limit_s=0.2)
    assert answer == Answer(error=DeliveryError.TIMEOUT)
    assert len(receiver.requests) == 1


def test_receiver_that_answers_byte_by_byte_times_out() -> None:
    pause = threading.Event()

    def drip(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n")
        while not pause.wait(0.02):
            connection.sendall(b"a: b\r\n")

    assert sent(drip, limit_s=0.3)[0] == Answer(error=DeliveryError.TIMEOUT)


@pytest.mark.parametrize("behavior", [None, lambda connection: connection.close(), answers("SSH-2.0-OpenSSH_9.6\r\n")])
def test_connection_that_ends_without_a_response_is_reset(behavior: Behavior | None) -> None:
    assert sent(behavior)[0] == Answer(error=DeliveryError.RESET)


def test_port_without_a_receiver_refuses_the_connection() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    answer = WebhookSender(LOCAL)(f"http://127.0.0.1:{port}/", HEADERS, BODY)
    assert answer == Answer(error=DeliveryError.CONNECT)


def _unresolved(error: Exception) -> Callable[[str, int], Sequence[Address]]:
    def resolve(host: str, port: int) -> Sequence[Address]:
        raise error

    return resolve


@pytest.mark.parametrize("error", [socket.gaierror(-2, "unknown"), UnicodeError("label too long")])
def test_host_that_is_not_resolved_is_a_dns_error(error: Exception) -> None:
    answer = WebhookSender(UrlRules(), resolve=_unresolved(error))("https://example.com/", HEADERS, BODY)
    assert answer == Answer(error=DeliveryError.DNS)
    nobody = WebhookSender(UrlRules(), resolve=lambda *_: [])("https://example.com/", HEADERS, BODY)
    assert nobody == Answer(error=DeliveryError.DNS)


def test_resolver_that_hangs_is_a_dns_error() -> None:
    released = threading.Event()

    def resolve(host: str, port: int) -> Sequence[Address]:
        released.wait(60)
        return [LOOPBACK]

    answer = WebhookSender(UrlRules(), resolve=resolve, limit_s=0.1)("https://example.com/", HEADERS, BODY)
    released.set()
    assert answer == Answer(error=DeliveryError.DNS)


# --- TLS ---


def test_certificate_is_verified_for_the_name_of_the_host(trusted: Certificate) -> None:
    with listening(answers("HTTP/1.1 200 OK\r\n\r\n"), trusted.server) as receiver:
        assert secure(trusted, HOST, receiver.port) == Answer(200)
        assert receiver.names == [HOST]
        assert f"Host: {HOST}:{receiver.port}".encode() in receiver.requests[0]
        assert secure(trusted, "other.example.com", receiver.port) == Answer(error=DeliveryError.TLS)
        assert secure(trusted, HOST, receiver.port, default_trust=True) == Answer(error=DeliveryError.TLS)
        assert len(receiver.requests) == 1


# --- Addresses ---


@pytest.fixture
def connected(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The addresses of all attempted connections."""
    made: list[Any] = []
    connect = socket.create_connection

    def noted(address: Any, *more: Any, **fields: Any) -> socket.socket:
        made.append(address)
        return connect(address, *more, **fields)

    monkeypatch.setattr(socket, "create_connection", noted)
    return made


def test_forbidden_urls_open_no_connection(connected: list[Any]) -> None:
    """URLs are checked again when a message is sent: the hosts of forbidden ones are not even resolved."""
    sender = WebhookSender(UrlRules(), resolve=_unresolved(AssertionError("resolved")))
    for url in FORBIDDEN:
        assert sender(url, HEADERS, BODY) == Answer(error=DeliveryError.FORBIDDEN_ADDRESS)
    assert connected == []


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        ["169.254.169.254"],
        ["::ffff:127.0.0.1"],
        ["64:ff9b::7f00:1"],
        ["93.184.216.34", "127.0.0.1"],
        ["2606:4700::1111", "fd00:ec2::254"],
    ],
)
def test_host_with_a_forbidden_address_opens_no_connection(connected: list[Any], addresses: list[str]) -> None:
    """One forbidden address among several suffices, because a connection could use any of them."""
    with listening(answers("HTTP/1.1 200 OK\r\n\r\n")) as receiver:
        sender = WebhookSender(UrlRules(), resolve=lambda *_: [ip_address(one) for one in addresses])
        answer = sender("https://rebound.example.com:8443/", HEADERS, BODY)
        assert answer == Answer(error=DeliveryError.FORBIDDEN_ADDRESS)
        assert (connected, receiver.connections) == ([], 0)


def test_name_that_is_rebound_after_the_check_changes_nothing(connected: list[Any], trusted: Certificate) -> None:
    """The name resolves to the receiver first and then to a forbidden address. Each message resolves it only once."""
    looked_up: list[str] = []

    def resolve(host: str, port: int) -> Sequence[Address]:
        looked_up.append(host)
        return [LOOPBACK if len(looked_up) == 1 else ip_address("127.0.0.2")]

    with listening(answers("HTTP/1.1 200 OK\r\n\r\n"), trusted.server) as receiver:
        sender = WebhookSender(LoopbackIsPublic(), resolve=resolve, tls=trusted.client, limit_s=5)
        assert sender(f"https://{HOST}:{receiver.port}/", HEADERS, BODY) == Answer(200)
        assert connected == [("127.0.0.1", receiver.port)]
        again = sender(f"https://{HOST}:{receiver.port}/", HEADERS, BODY)
        assert again == Answer(error=DeliveryError.FORBIDDEN_ADDRESS)
        assert (len(connected), receiver.connections, looked_up) == (1, 1, [HOST, HOST])


def test_next_address_is_tried_if_one_refuses(connected: list[Any]) -> None:
    with listening(answers("HTTP/1.1 200 OK\r\n\r\n")) as receiver:
        sender = WebhookSender(LOCAL, resolve=lambda *_: [ip_address("127.0.0.9"), LOOPBACK])
        assert sender(f"http://localhost:{receiver.port}/", HEADERS, BODY) == Answer(200)
    assert [address for address, _ in connected] == ["127.0.0.9", "127.0.0.1"]


def test_real_resolver_returns_addresses() -> None:
    assert LOOPBACK in webhook_http.resolve("localhost", 80)
