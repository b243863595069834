"""Perform the steps of a client's operation with outcomes from a script."""

import json
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import Any

from interlock_client.operations import Operations
from interlock_client.steps import Emit, Read, Request, Response, Retries, Running, Send, Sleep

OPERATIONS = Operations("https://api.example.com", Retries(attempts=3, base_s=1))


def answer(status: int, body: Any, **headers: str) -> Response:
    """Return a response with a JSON body."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(status, named, json.dumps(body).encode())


def refusal(status: int, error_type: str, code: str, **headers: str) -> Response:
    """Return an error envelope."""
    error = {"type": error_type, "code": code, "message": f"{code}!", "details": {"a": 1}, "job_id": "01J"}
    return answer(status, {"error": {**error, "retryable": status >= 429}}, **headers)


@dataclass
class Played:
    """The performed steps of an operation and what it returned or emitted."""

    requests: list[Request] = field(default_factory=list)
    sleeps: list[float] = field(default_factory=list)
    emitted: list[Any] = field(default_factory=list)
    result: Any = None

    @property
    def bodies(self) -> list[Any]:
        """The JSON bodies of the requests."""
        return [json.loads(request.content or b"") for request in self.requests if request.method == "POST"]

    @property
    def calls(self) -> list[str]:
        """Method and target of the requests."""
        return [f"{request.method} {request.target}" for request in self.requests]


def play(
    steps: Generator[Any, Any, Any], *outcomes: Response | Exception, files: Mapping[str, bytes] | None = None
) -> Played:
    """Perform an operation: each request has the next outcome. All outcomes must be used. Errors are raised."""
    script = list(outcomes)
    played = Played()
    running = Running(steps)
    while running.step is not None:
        match running.step:
            case Emit(item):
                played.emitted.append(item)
                running.succeed(None)
            case Sleep(seconds):
                played.sleeps.append(seconds)
                running.succeed(None)
            case Read(path):
                running.succeed((files or {})[str(path)])
            case Send(request):
                played.requests.append(request)
                outcome = script.pop(0)
                running.fail(outcome) if isinstance(outcome, Exception) else running.succeed(outcome)
    assert script == []
    played.result = running.result
    return played
