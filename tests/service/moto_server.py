"""Serve moto over HTTP in a separate process, because its state is global and other tests use moto in their process. A
lock protects its DynamoDB, which is not thread-safe."""

import gc
import io
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from interlock_dev.aws.dynamodb import shortcuts
from interlock_dev.aws.dynamodb.narrowing import narrowed

type Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

ROOT = Path(__file__).parents[2]


@contextmanager
def running(module: str = "tests.service.moto_server") -> Iterator[str]:
    """Run the server and yield its URL. `module` is the program that calls `serve`."""
    # The coverage of the server is not measured.
    env = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    command = [sys.executable, "-m", module]
    # The server ends when its standard input is closed: with this process, however that ends.
    with subprocess.Popen(
        command, cwd=ROOT, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        url = server.stdout.readline().strip()
        assert url, "moto did not start"
        yield url
        server.kill()


class OneAtATime:
    """WSGI middleware that lets moto handle one DynamoDB request at a time. Their bodies are read in parallel."""

    def __init__(self, app: Wsgi) -> None:
        self._app = app
        self._lock = threading.Lock()

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        target = environ.get("HTTP_X_AMZ_TARGET", "")
        if not target.startswith("DynamoDB"):
            return self._app(environ, start_response)
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(body)
        with self._lock, narrowed(target, body):
            return list(self._app(environ, start_response))


def serve(made_of: Callable[[Wsgi], Wsgi]) -> None:
    """Serve moto's application, print its address, and end when standard input closes."""
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
    from werkzeug.serving import make_server

    class Quiet(MotoRequestHandler):  # type: ignore[misc]  # moto has no types
        disable_nagle_algorithm = True

        def log(self, *_: object) -> None:
            """Print nothing."""

    shortcuts.apply()
    app = made_of(DomainDispatcherApplication(create_backend_app))
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Quiet)
    # Exclude the imported modules from garbage collection, which would delay requests.
    gc.freeze()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    serve(OneAtATime)
