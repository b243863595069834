"""An in-memory service for the `interlock` command. Its batch advances by a step each time the command waits."""

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import pytest
from pydantic import BaseModel, ConfigDict

from interlock.plugin import FileBytes
from interlock_client import synchronous
from interlock_client.steps import Request, Response, Send, Sleep, Step
from interlock_client.transport import SyncTransport
from interlock_dev.commands.remote.batches import following
from tests.fakes.plugins import a_plugin, a_tool
from tests.fakes.world import World

BUCKET = "https://bucket.s3.amazonaws.com/"


class Scan(BaseModel):
    """The input of the tool `scan.read`."""

    model_config = ConfigDict(extra="forbid")

    image: FileBytes
    mask: FileBytes | None = None
    language: str = "eng"


ANYTHING: dict[str, Any] = {"type": "object"}


def interrupt() -> None:
    raise KeyboardInterrupt


class BatchService:
    """Each time the command waits, the next of `steps` is called. `requests` are those that the command has sent."""

    def __init__(self, folder: Path) -> None:
        read = a_tool("read", input_schema=Scan.model_json_schema(mode="validation"), output_schema=ANYTHING)
        self.world = World(folder, a_plugin("scan", read), a_plugin("echo"))
        self.requests: list[Request] = []
        self.steps: list[Callable[[], Any]] = [self.prepare, self.run_items, self.finish]

    @property
    def batch_id(self) -> str:
        """The id of the only batch."""
        [batch] = self.world.request("GET", "/v1/batches", tenant="acme").body["batches"]
        return str(batch["batch_id"])

    def prepare(self) -> None:
        self.world.prepare_batch(self.batch_id)

    def run_items(self) -> None:
        self.world.run_items(self.batch_id)

    def finish(self) -> None:
        while not self.world.finish_batch(self.batch_id):
            pass

    def wait(self, _: float) -> None:
        assert self.steps, "the command waits for ever"
        self.steps.pop(0)()

    def transport(self, *_: str | None) -> SyncTransport:
        return _Transport(self)

    def answer(self, request: Request) -> Response:
        """Answer a request to the API or to the bucket."""
        self.requests.append(request)
        if request.presigned:
            return self._bucket(request)
        query: dict[str, list[str]] = {}
        for name, value in request.query:
            query.setdefault(name, []).append(value)
        answer = self.world.request(
            request.method, request.target, text=request.content, headers=request.headers, query=query or None
        )
        # The client downloads only from URLs of S3.
        text = json.dumps(answer.body).replace("https://objects.test/", BUCKET).replace("?expires", "?X-Amz-Signature")
        return Response(answer.status, {name.lower(): value for name, value in answer.headers.items()}, text.encode())

    def _bucket(self, request: Request) -> Response:
        key = urlsplit(request.target).path.lstrip("/")
        objects = self.world.objects
        if request.method == "GET":
            return Response(200, {}, objects.texts[key].encode())
        assert request.content is not None
        objects.files[key] = request.content, request.headers["Content-Type"]
        objects.texts[key] = request.content.decode("latin-1")
        return Response(200, {}, b"")


class _Transport(SyncTransport):
    def __init__(self, service: BatchService) -> None:  # creates no httpx client
        self._service = service

    def close(self) -> None:
        """Do nothing: this client opens no connection."""

    def _outcome(self, step: Step) -> Any:
        match step:
            case Send(request):
                return self._service.answer(request)
            case Sleep(seconds):
                return self._service.wait(seconds)
        return super()._outcome(step)


def served(folder: Path, monkeypatch: pytest.MonkeyPatch) -> BatchService:
    """Return a service, and make commands call it until `monkeypatch` is undone."""
    service = BatchService(folder)
    monkeypatch.setenv("INTERLOCK_URL", "https://api.example.com")
    monkeypatch.setenv("INTERLOCK_API_KEY", "key")
    monkeypatch.setattr(synchronous, "SyncTransport", service.transport)
    monkeypatch.setattr(following, "time", SimpleNamespace(sleep=service.wait))
    return service
