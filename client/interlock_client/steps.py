"""The part that `Interlock` and `AsyncInterlock` share: what to send, and what to do with responses.

Each operation is a generator. It yields steps (send a request, sleep, read a file) and receives their outcome, so it
is independent of how they are performed. `synchronous` and `asynchronous` only perform the steps.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from interlock_client.errors import ConnectionFailed, UnexpectedResponse, error_of


@dataclass(frozen=True, slots=True)
class Request:
    """An HTTP request.

    `target` is a path below the service's URL, or a presigned URL, to which no key is sent. Requests may be retried,
    because those that create a job have an idempotency key. Requests that create an API key or a secret are sent once.
    """

    method: str
    target: str
    content: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    query: Sequence[tuple[str, str]] = ()

    @property
    def presigned(self) -> bool:
        """Whether the target is a presigned URL."""
        return not self.target.startswith("/")

    @classmethod
    def of_json(cls, method: str, target: str, body: Any, headers: Mapping[str, str]) -> Request:
        """Return a request with a JSON body. Raises ValueError for NaN and TypeError for what JSON cannot express."""
        content = json.dumps(body, allow_nan=False, separators=(",", ":")).encode()
        return cls(method, target, content, {"Content-Type": "application/json", **headers})


@dataclass(frozen=True, slots=True)
class Response:
    """An HTTP response. Names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    content: bytes


@dataclass(frozen=True, slots=True)
class Send:
    """Send a request. The outcome is a `Response`; `ConnectionFailed` is raised in the generator."""

    request: Request


@dataclass(frozen=True, slots=True)
class Sleep:
    """Sleep for some seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Read:
    """Read a file. The outcome is its content; OSError is raised in the generator."""

    path: Path


@dataclass(frozen=True, slots=True)
class Emit[T]:
    """Pass an item to the caller who iterates."""

    item: T


type Step = Send | Sleep | Read
type Steps[T] = Generator[Step, Any, T]
"""An operation that returns a T."""
type Stream[T] = Generator[Step | Emit[T], Any]
"""An operation that emits items."""


class Running:
    """An operation in progress. `step` is the next step to perform; at the end it is None, and `result` is set."""

    def __init__(self, steps: Generator[Any, Any, Any]) -> None:
        self.step: Any = None
        self.result: Any = None
        self._steps = steps
        self._advance(lambda: next(steps))

    def succeed(self, outcome: Any) -> None:
        """Continue with the outcome of the step."""
        self._advance(lambda: self._steps.send(outcome))

    def fail(self, error: Exception) -> None:
        """Continue with the error of the step, which may end the operation."""
        self._advance(lambda: self._steps.throw(error))

    def _advance(self, move: Callable[[], Any]) -> None:
        try:
            self.step = move()
        except StopIteration as done:
            self.step, self.result = None, done.value


@dataclass(frozen=True, slots=True)
class Retries:
    """How often a request is sent again, and after how long: exponential backoff with jitter, or `Retry-After`."""

    attempts: int = 5
    base_s: float = 0.25
    max_s: float = 8
    max_retry_after_s: float = 60

    def delays(self) -> Iterator[float | None]:
        """Yield the delay after each attempt, and None after the last."""
        for number in range(max(self.attempts, 1) - 1):
            longest = min(self.max_s, self.base_s * 2**number)
            yield longest * random.uniform(0.5, 1)  # noqa: S311 - jitter is no secret
        yield None


PASSING = frozenset({429, 502, 503, 504})
"""Statuses of temporary failures. The gateway answers 504 when it stops waiting for a function."""


def exchange(request: Request, retries: Retries) -> Steps[Response]:
    """Send a request, and retry it after temporary failures. Raise `ConnectionFailed`."""
    for delay_s in retries.delays():
        try:
            response: Response = yield Send(request)
        except ConnectionFailed:
            if delay_s is None:
                raise
            yield Sleep(delay_s)
            continue
        wait_s = _retry_after(response) or delay_s
        if response.status not in PASSING or delay_s is None or wait_s is None or wait_s > retries.max_retry_after_s:
            return response
        yield Sleep(wait_s)
    raise AssertionError("the last attempt returns or raises")


def _retry_after(response: Response) -> float | None:
    text = response.headers.get("retry-after", "")
    return float(text) if text.isdecimal() else None


def document(response: Response) -> Any:
    """Return the JSON body of a successful response. Raises the error of its envelope, or `UnexpectedResponse`."""
    try:
        body = json.loads(response.content)
    except ValueError:
        body = None
    if 200 <= response.status < 300 and body is not None:
        return body
    error = body.get("error") if isinstance(body, dict) else None
    if isinstance(error, dict) and response.status >= 400:
        raise error_of(error, status=response.status)
    raise UnexpectedResponse(
        f"The response with status {response.status} is not one of Interlock: check the URL.", status=response.status
    )
