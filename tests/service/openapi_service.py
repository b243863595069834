"""The HTTP functions and the workflow's task over moto's AWS, called as the gateway calls them."""

import importlib.util
import json
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from importlib.resources import files
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from interlock.composition.core import Core
from interlock.domain import job as jobs
from interlock.domain.access import ApiKey, Scope
from interlock.domain.times import utc_now

type Json = dict[str, Any]
ROOT = Path(__file__).resolve().parents[2]
REGION = "us-east-1"
DOCUMENT: Json = json.loads(files("interlock").joinpath("http", "openapi.json").read_text())
OPERATIONS = {
    operation["operationId"]: (method.upper(), path, operation)
    for path, item in DOCUMENT["paths"].items()
    for method, operation in item.items()
}
CALLER = "key"
UNKNOWN_JOB = "01KY4QJ3HS0123456789ABCDEF"
PLUGIN = '''
import os
import time

from pydantic import BaseModel

from interlock.plugin import FileBytes, Plugin, tool


class Text(BaseModel):
    text: str = ""


class File(BaseModel):
    file: FileBytes


class Specimen(Plugin):
    """A plugin with a tool for each kind of outcome."""

    name, version, title = "specimen", "1.0.0", "Specimen"

    @tool(timeout_s=10)
    def say(self, input: Text, context) -> Text:
        return Text(text=input.text)

    @tool(timeout_s=10)
    def look(self, input: File, context) -> Text:
        return Text()

    @tool(timeout_s=10)
    def large(self, input: Text, context) -> Text:
        return Text(text="x" * (6 * 1024 * 1024))

    @tool(timeout_s=10)
    def talk(self, input: Text, context) -> Text:
        print("to standard output")
        context.logger.error("to the log")
        context.progress(0.5, "half")
        return Text()

    @tool(timeout_s=10)
    def flood(self, input: Text, context) -> Text:
        print("line\\n" * 5000)
        return Text()

    @tool(timeout_s=10)
    def fail(self, input: Text, context) -> Text:
        raise LookupError("there is none")

    @tool(timeout_s=10)
    def crash(self, input: Text, context) -> Text:
        os._exit(3)

    @tool(timeout_s=10)
    def nonsense(self, input: Text, context) -> Text:
        return {"text": 7}

    @tool(timeout_s=0.2)
    def sleep(self, input: Text, context) -> Text:
        time.sleep(60)
'''


def mcp_message(method: str, params: Json) -> Json:
    """Return a request of the Model Context Protocol."""
    prefix = "io.modelcontextprotocol/"
    tasks: Json = {"extensions": {f"{prefix}tasks": {}}}
    meta = {f"{prefix}protocolVersion": "2026-07-28", f"{prefix}clientCapabilities": tasks}
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": {**params, "_meta": meta}}


def mcp_headers(method: str, params: Json) -> Mapping[str, str]:
    """Return the headers of a request of the Model Context Protocol."""
    name = params.get("name") or params.get("taskId")
    return {"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": method, **({"Mcp-Name": name} if name else {})}


@dataclass(frozen=True, slots=True)
class Answer:
    """A function's answer, parsed."""

    status: int
    headers: Mapping[str, str]
    body: Any


class LambdaContext:
    """The fields of Lambda's context object that the handlers use."""

    def get_remaining_time_in_millis(self) -> int:
        return 29_000


def handler_module(function: str) -> ModuleType:
    """A function's module, loaded as Lambda does: from its folder, with its environment."""
    file = ROOT / "functions" / function / "handler.py"
    spec = importlib.util.spec_from_file_location(f"{function}_handler", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Functions:
    """The HTTP functions and the workflow's task, on one table."""

    def __init__(self, table: str, monkeypatch: pytest.MonkeyPatch, *, oidc_issuer: str = "") -> None:
        monkeypatch.setenv("INTERLOCK_TABLE", table)
        monkeypatch.setenv("INTERLOCK_OIDC_ISSUER", oidc_issuer)
        self.execute = handler_module("execute")
        self.jobs = handler_module("jobs")
        self.run_job = handler_module("run_job")
        self.keys = handler_module("keys")
        self.batches = handler_module("batches")
        self.prepare_batch = handler_module("prepare_batch")
        self.finish_batch = handler_module("finish_batch")
        core = Core.from_env()
        self.store: Any = core.store
        self._table_keys = core.keys

    def of(self, operation: str) -> ModuleType:
        """Return the function of an operation."""
        if operation in {"execute", "rerunJob", "createUpload", "mcp"}:
            return self.execute
        if OPERATIONS[operation][1].startswith("/v1/batches"):
            return self.batches
        return self.keys if OPERATIONS[operation][1].startswith("/v1/keys") else self.jobs

    def put_key(self) -> None:
        """Store the key of the caller."""
        self._table_keys.create(ApiKey("0" * 64, CALLER, "acme", frozenset(Scope), created_at=utc_now()))


class Service:
    """A client of the functions; `broken` are the same functions without a table."""

    def __init__(self, functions: Functions, broken: Functions) -> None:
        self._functions = functions
        self._broken = broken
        self._answers: dict[Hashable, Answer] = {}

    def once(self, name: Hashable, ask: Callable[["Service"], Answer]) -> Answer:
        """Return the answer to a request, which is sent only once under this name."""
        if name not in self._answers:
            self._answers[name] = ask(self)
        return self._answers[name]

    def call(
        self,
        operation: str,
        body: Any = None,
        *,
        method: str | None = None,
        scopes: str | None = "admin",
        query: Mapping[str, Sequence[str]] | None = None,
        headers: Mapping[str, str] | None = None,
        table_is_down: bool = False,
        limits: Mapping[str, str] | None = None,
        job_id: str = UNKNOWN_JOB,
        key_id: str = "nobody",
        batch_id: str = UNKNOWN_JOB,
        name: str = "specimen",
    ) -> Answer:
        documented, resource, _ = OPERATIONS[operation]
        given = {"job_id": job_id, "key_id": key_id, "batch_id": batch_id, "name": name}
        parameters = {key: value for key, value in given.items() if f"{{{key}}}" in resource}
        sent = {"Content-Type": "application/json", **(headers or {})}
        several = {one: list(values) for one, values in query.items()} if query else None
        caller = {"tenant": "acme", "key_id": CALLER, "scopes": scopes, "principalId": CALLER, **(limits or {})}
        event = {
            "resource": resource,
            "path": resource.format(**parameters),
            "httpMethod": method or documented,
            "headers": sent,
            "multiValueHeaders": {name: [value] for name, value in sent.items()},
            "queryStringParameters": {one: values[-1] for one, values in several.items()} if several else None,
            "multiValueQueryStringParameters": several,
            "pathParameters": parameters or None,
            "requestContext": {"authorizer": caller} if scopes is not None else {},
            "body": body if body is None or isinstance(body, str) else json.dumps(body),
            "isBase64Encoded": False,
        }
        functions = self._broken if table_is_down else self._functions
        answer = functions.of(operation).handler(event, LambdaContext())
        got = {name: ", ".join(values) for name, values in answer["multiValueHeaders"].items()}
        assert not answer["body"] or got.pop("Content-Type") == "application/json"
        return Answer(answer["statusCode"], got, json.loads(answer["body"] or "null"))

    def execute(self, tool: str, *, prefer: str = "", key: str = "", **input: Any) -> Answer:
        headers = {"Prefer": prefer} if prefer else {}
        headers |= {"Idempotency-Key": key} if key else {}
        return self.call("execute", {"plugin": "specimen", "tool": tool, "input": input}, headers=headers)

    def mcp(self, method: str, params: Json, **headers: str) -> Answer:
        """Send a message of the protocol's latest version."""
        return self.call("mcp", mcp_message(method, params), headers={**mcp_headers(method, params), **headers})

    def pending(self, tool: str = "say") -> str:
        """A job that waits for its execution."""
        return str(self.execute(tool, prefer="respond-async").body["job_id"])

    def finish_batch(self, batch_id: str) -> str:
        """Run the first and the last task of a batch's workflow, and return its id."""
        sent = {"tenant": "acme", "batch_id": batch_id}
        self._functions.prepare_batch.handler(sent, LambdaContext())
        assert self._functions.finish_batch.handler(sent, LambdaContext()) == {"finished": True}
        return batch_id

    def cancelled_batch(self, body: Json) -> Answer:
        """The answer to a second cancel of a batch, after the first one has stopped it."""
        batch_id = self.call("submitBatch", body).body["batch_id"]
        assert self.call("cancelBatch", batch_id=batch_id).status == 202
        return self.call("cancelBatch", batch_id=self.finish_batch(batch_id))

    def running(self) -> str:
        """Return the id of a job that a worker is running."""
        store, now = self._functions.store, utc_now()
        job = store.get("acme", self.pending())
        claimed = jobs.claimed(job, worker_id="worker", now=now, lease_expires_at=now + timedelta(minutes=1))
        store.change(job, claimed)
        progress = jobs.Progress(0.4, "page 2 of 5", now)
        store.heartbeat(claimed, now=now, lease_expires_at=now + timedelta(minutes=1), progress=progress)
        return str(job.job_id)

    def finished(self, tool: str = "say") -> str:
        """A job that the workflow's task has run."""
        job_id = self.pending(tool)
        self.run(job_id)
        return job_id

    def run(self, job_id: str) -> None:
        """Run a pending job as the workflow's task does."""
        self._functions.run_job.handler({"tenant": "acme", "job_id": job_id}, LambdaContext())

    def cancelled(self) -> str:
        job_id = self.pending()
        assert self.call("cancelJob", job_id=job_id).status == 200
        return job_id

    def lost(self) -> str:
        """A job whose worker vanished."""
        job_id = self.running()
        store, now = self._functions.store, utc_now()
        store.heartbeat(store.get("acme", job_id), now=now, lease_expires_at=now - timedelta(seconds=1), progress=None)
        return job_id
