"""Both clients send the requests of their operations over real connections."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from interlock_client import AsyncInterlock, ConnectionFailed, Interlock, UnexpectedResponse
from interlock_client.steps import Retries

FAST = Retries(attempts=3, base_s=0.01)


@dataclass(frozen=True)
class Seen:
    """A request that arrived."""

    call: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Server:
    """A server whose next answers are `(status, headers, body)`. None closes the connection without an answer."""

    url: str
    answers: list[tuple[int, dict[str, str], Any] | None] = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)


@pytest.fixture
def server() -> Iterator[Server]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            served.seen.append(Seen(f"{self.command} {self.path}", headers, body))
            next_one = served.answers.pop(0)
            if next_one is None:
                self.close_connection = True
                return
            status, extra, content = next_one
            encoded = json.dumps(content).encode()
            self.send_response(status)
            for name, value in {**extra, "Content-Length": str(len(encoded))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(encoded)

        do_GET = do_POST = do_PUT = answer  # noqa: N815 - the names that http.server looks for

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        served = Server(f"http://127.0.0.1:{http.server_port}")
        thread = threading.Thread(target=http.serve_forever, args=[0.01])
        thread.start()
        yield served
        http.shutdown()
        thread.join()


type Call = Callable[..., Any]


def sync_call(url: str, method: str, *arguments: Any, **settings: Any) -> Any:
    with Interlock(url, "secret", retries=FAST, **settings) as client:
        return getattr(client, method)(*arguments)


def async_call(url: str, method: str, *arguments: Any, **settings: Any) -> Any:
    async def call() -> Any:
        async with AsyncInterlock(url, "secret", retries=FAST, **settings) as client:
            return await getattr(client, method)(*arguments)

    return asyncio.run(call())


@pytest.fixture(params=[sync_call, async_call], ids=["sync", "async"])
def call(request: pytest.FixtureRequest) -> Call:
    chosen: Call = request.param
    return chosen


def test_key_is_sent_to_the_service_below_its_stage(server: Server, call: Call) -> None:
    server.answers = [(200, {}, {"status": "ok", "version": "1"})]
    assert call(f"{server.url}/prod/", "service_health") == {"status": "ok", "version": "1"}
    [seen] = server.seen
    assert seen.call == "GET /prod/v1/health"
    assert seen.headers["x-api-key"] == "secret"


def test_token_is_sent_as_bearer(server: Server, call: Call) -> None:
    server.answers = [(200, {}, {"plugins": []})]
    assert call(server.url, "plugins", token="a.b.c") == []
    assert server.seen[0].headers["authorization"] == "Bearer a.b.c"


def test_key_is_not_sent_to_the_bucket(server: Server, call: Call) -> None:
    headers = {"Content-Type": "image/png", "If-None-Match": "*"}
    new = {"upload_id": "u1", "method": "PUT", "url": f"{server.url}/bucket/u1?sig=%2B", "headers": headers}
    server.answers = [(201, {}, new), (200, {}, {})]
    assert call(server.url, "upload", b"content") == {"upload_id": "u1"}
    put = server.seen[1]
    assert put.call == "PUT /bucket/u1?sig=%2B"
    assert put.body == b"content"
    assert put.headers.keys() & {"x-api-key", "authorization"} == set()
    assert put.headers["content-type"] == "image/png"
    assert put.headers["if-none-match"] == "*"


def test_redirect_is_not_followed(server: Server, call: Call) -> None:
    server.answers = [(302, {"Location": f"{server.url}/elsewhere"}, {})]
    with pytest.raises(UnexpectedResponse, match="status 302"):
        call(server.url, "plugins")
    assert len(server.seen) == 1


def test_request_whose_connection_was_lost_is_sent_again(server: Server, call: Call) -> None:
    server.answers = [None, (503, {"Retry-After": "0"}, {}), (200, {}, {"result": {"text": "x"}})]
    assert call(server.url, "run", "ocr.analyze", {"image": b"png"}) == {"text": "x"}
    keys = {seen.headers["idempotency-key"] for seen in server.seen}
    assert [seen.call for seen in server.seen] == ["POST /v1/execute"] * 3
    assert len(keys) == 1


def test_service_that_does_not_respond_is_reported(call: Call) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(ConnectionFailed, match="does not respond") as raised:
        call(f"http://127.0.0.1:{port}", "plugins")
    assert (raised.value.code, raised.value.retryable) == ("connection_failed", True)


@pytest.mark.parametrize("url", ["127.0.0.1:3000", "ftp://host", "http://host:port"])
def test_invalid_url_is_reported(url: str, call: Call) -> None:
    with pytest.raises(ConnectionFailed):
        call(url, "plugins")


def test_proxy_is_not_asked_for_this_machine(server: Server, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    server.answers = [(200, {}, {"plugins": []})]
    assert call(server.url, "plugins") == []


def test_file_of_an_input_is_read(server: Server, call: Call, tmp_path: Any) -> None:
    (tmp_path / "a.png").write_bytes(b"png")
    server.answers = [(200, {}, {"result": 1})]
    assert call(server.url, "run", "ocr", {"image": tmp_path / "a.png"}) == 1
    assert json.loads(server.seen[0].body)["input"] == {"image": "cG5n"}
    with pytest.raises(FileNotFoundError):
        call(server.url, "run", "ocr", {"image": tmp_path / "missing.png"})
