"""Perform the steps of operations with httpx: `SyncTransport` and `AsyncTransport`."""

import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

import anyio
import httpx

from interlock_client.errors import ConnectionFailed, InterlockError
from interlock_client.steps import Emit, Read, Request, Response, Running, Send, Sleep, Step, Steps, Stream

_TIMEOUT = httpx.Timeout(40, connect=5)
"""The gateway answers within 29 s."""

_NO_PROXY = dict.fromkeys(["all://127.0.0.1", "all://localhost", "all://[::1]"])
"""Requests to this machine do not use the proxy that the environment configures."""


class SyncTransport:
    """Performs steps one after the other. It is thread-safe."""

    def __init__(self, url: str, key: str | None, token: str | None) -> None:
        with _failures():
            self._http = httpx.Client(**_settings(url, key, token))

    def perform[T](self, steps: Steps[T]) -> T:
        """Perform the steps of an operation and return its result."""
        running = Running(steps)
        for _ in self._items(running):
            raise AssertionError("an operation with a result emits no items")
        result: T = running.result
        return result

    def stream[T](self, steps: Stream[T]) -> Iterator[T]:
        """Perform the steps of an operation and yield its items."""
        return self._items(Running(steps))

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _items(self, running: Running) -> Iterator[Any]:
        while running.step is not None:
            if isinstance(running.step, Emit):
                yield running.step.item
                running.succeed(None)
                continue
            try:
                outcome = self._outcome(running.step)
            except (InterlockError, OSError) as error:
                running.fail(error)
            else:
                running.succeed(outcome)

    def _outcome(self, step: Step) -> Any:
        match step:
            case Send(request):
                with _failures():
                    return _response(self._http.send(_request(self._http, request)))
            case Read(path):
                return path.read_bytes()
            case Sleep(seconds):
                return time.sleep(seconds)


class AsyncTransport:
    """Performs steps with `async` calls."""

    def __init__(self, url: str, key: str | None, token: str | None) -> None:
        with _failures():
            self._http = httpx.AsyncClient(**_settings(url, key, token))

    async def perform[T](self, steps: Steps[T]) -> T:
        """Perform the steps of an operation and return its result."""
        running = Running(steps)
        async for _ in self._items(running):
            raise AssertionError("an operation with a result emits no items")
        result: T = running.result
        return result

    def stream[T](self, steps: Stream[T]) -> AsyncIterator[T]:
        """Perform the steps of an operation and yield its items."""
        return self._items(Running(steps))

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def _items(self, running: Running) -> AsyncIterator[Any]:
        while running.step is not None:
            if isinstance(running.step, Emit):
                yield running.step.item
                running.succeed(None)
                continue
            try:
                outcome = await self._outcome(running.step)
            except (InterlockError, OSError) as error:
                running.fail(error)
            else:
                running.succeed(outcome)

    async def _outcome(self, step: Step) -> Any:
        match step:
            case Send(request):
                with _failures():
                    return _response(await self._http.send(_request(self._http, request)))
            case Read(path):
                return await anyio.Path(path).read_bytes()
            case Sleep(seconds):
                return await anyio.sleep(seconds)


def _settings(url: str, key: str | None, token: str | None) -> dict[str, Any]:
    """Return the arguments of httpx's clients. Redirects are not followed: they would take the key elsewhere."""
    headers = {"Accept": "application/json", "User-Agent": "interlock-client"}
    if key:
        headers["X-API-Key"] = key
    if token:
        headers["Authorization"] = f"Bearer {token}"
    return {"base_url": url.rstrip("/"), "headers": headers, "timeout": _TIMEOUT, "mounts": _NO_PROXY}


def _request(client: httpx.Client | httpx.AsyncClient, request: Request) -> httpx.Request:
    """Return the request as httpx sends it. A presigned URL gets neither the key nor other headers."""
    if request.presigned:
        return httpx.Request(
            request.method,
            request.target,
            content=request.content,
            headers=request.headers,
            extensions={"timeout": _TIMEOUT.as_dict()},
        )
    return client.build_request(
        request.method,
        request.target,
        content=request.content,
        headers=dict(request.headers),
        params=list(request.query) or None,
    )


def _response(response: httpx.Response) -> Response:
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Response(response.status_code, headers, response.content)


@contextmanager
def _failures() -> Iterator[None]:
    """Raise `ConnectionFailed` for httpx's errors."""
    try:
        yield
    except (httpx.RequestError, httpx.InvalidURL) as error:
        reason = str(error) or type(error).__name__
        raise ConnectionFailed(f"The service does not respond: {reason}.") from error
