"""A proxy on the loopback address between the suite and the stack. The suite can send no key, and names tools without
their plugin: the proxy adds both. Everything else passes unchanged, `Host`, `Origin` and malformed headers included."""

import http.client
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

PLUGINS = {"protocol_error_job": "conformance_broken", "test_input_required_result_": "conformance_input"}
"""The plugins of tools that `conformance` does not have, by the beginning of the tools' names."""

HOP_BY_HOP = {"connection", "transfer-encoding", "content-length", "keep-alive"}


def with_plugin(name: str) -> str:
    """Return the full name of a tool. White space around the name, as in a header, is kept."""
    bare = name.strip()
    plugin = next((plugin for prefix, plugin in PLUGINS.items() if bare.startswith(prefix)), "conformance")
    full = bare if "-" in bare else f"{plugin}-{bare}"
    return name.replace(bare, full) if bare else name


def without_plugin(name: str) -> str:
    plugin, _, tool = name.partition("-")
    return tool if plugin in {"conformance", *PLUGINS.values()} else name


@contextmanager
def running(stack: str, api_key: str) -> Iterator[str]:
    """Serve a proxy of a stack's `/mcp`, and yield its URL."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(stack, api_key))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://localhost:{server.server_address[1]}/mcp"
    finally:
        server.shutdown()
        server.server_close()


def _handler(stack: str, api_key: str) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            message = _parsed(body)
            calls = isinstance(message, dict) and message.get("method") == "tools/call"
            headers = [(name, value) for name, value in self.headers.items() if name.lower() not in HOP_BY_HOP]
            if calls:
                headers = [
                    (name, with_plugin(value) if name.lower() == "mcp-name" else value) for name, value in headers
                ]
                body = _renamed(message, with_plugin)
            headers.append(("X-API-Key", api_key))
            status, answer_headers, answer = _sent(stack, self.command, self.path, headers, body)
            found = _parsed(answer)
            if isinstance(found, dict) and "tools" in (found.get("result") or {}):
                for one in found["result"]["tools"]:
                    one["name"] = without_plugin(one["name"])
                answer = json.dumps(found).encode()
            self.send_response(status)
            for name, value in answer_headers:
                if name.lower() not in HOP_BY_HOP:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        do_GET = do_DELETE = do_POST  # noqa: N815 - the names that the server calls

        def log_message(self, *_: Any) -> None:
            return

    return Handler


def _sent(
    stack: str, method: str, path: str, headers: list[tuple[str, str]], body: bytes
) -> tuple[int, list[tuple[str, str]], bytes]:
    connection = http.client.HTTPConnection(urlsplit(stack).netloc, timeout=60)
    try:
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        for name, value in (*headers, ("Content-Length", str(len(body)))):
            connection.putheader(name, value)
        connection.endheaders(body)
        response = connection.getresponse()
        return response.status, response.getheaders(), response.read()
    finally:
        connection.close()


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None


def _renamed(message: dict[str, Any], rename: Callable[[str], str]) -> bytes:
    params = message.get("params")
    if isinstance(params, dict) and isinstance(params.get("name"), str):
        message = {**message, "params": {**params, "name": rename(params["name"])}}
    return json.dumps(message).encode()
