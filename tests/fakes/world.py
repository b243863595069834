"""All functions, composed as their handlers compose them, on in-memory fakes of the ports."""

import base64
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from interlock.composition.batch_workflow import finish_batch_task, prepare_batch_task
from interlock.composition.batches import batches_app
from interlock.composition.core import Core, Settings
from interlock.composition.execute import execute_app
from interlock.composition.job_worker import job_runner
from interlock.composition.jobs import jobs_app
from interlock.composition.send_webhook import send_webhook_task
from interlock.domain.deadline import Deadline
from interlock.domain.job import Job
from interlock.domain.manifest import PluginManifest
from interlock.plugins.index import PluginIndex
from interlock.ports import JobStore
from tests.fakes.batches import MemoryBatches, MemoryBatchWorkflow
from tests.fakes.outside import (
    ManualClock,
    MemoryDeliveries,
    MemoryDeliveryWorkflow,
    MemoryObjects,
    MemoryRates,
    MemorySecrets,
    MemorySigningSecrets,
    MemoryWorkflow,
    Receiver,
    RecordingSink,
)
from tests.fakes.plugins import an_index
from tests.fakes.sandbox import ScriptedSandbox, echoes
from tests.fakes.store import MemoryJobs

SETTINGS = Settings(table="table", bucket="bucket", workflow_arn="arn", retention=timedelta(days=7))


@dataclass
class LambdaContext:
    """The attributes of Lambda's context object that the functions use."""

    remaining_ms: int = 29_000
    function_name: str = "function"
    memory_limit_in_mb: int = 512
    invoked_function_arn: str = "arn:aws:lambda:us-east-1:123456789012:function:function"
    aws_request_id: str = "request"

    def get_remaining_time_in_millis(self) -> int:
        return self.remaining_ms


@dataclass(frozen=True, slots=True)
class Answer:
    """A function's response, with its body parsed."""

    status: int
    headers: Mapping[str, str]
    body: Any

    @property
    def error(self) -> dict[str, Any]:
        """The inner object of the envelope."""
        found: dict[str, Any] = self.body["error"]
        return found


def rest_event(
    method: str,
    path: str,
    *,
    text: str | bytes | None = None,
    headers: Mapping[str, str] | None = None,
    query: Mapping[str, Sequence[str]] | None = None,
    authorizer: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Return the event of the REST API's proxy integration for a request; a body of bytes is base64-encoded."""
    headers = {"Content-Type": "application/json", **(headers or {})}
    return {
        "resource": path,
        "path": path,
        "httpMethod": method,
        "headers": dict(headers),
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "queryStringParameters": {name: values[-1] for name, values in query.items()} if query else None,
        "multiValueQueryStringParameters": {name: list(values) for name, values in query.items()} if query else None,
        "pathParameters": None,
        "requestContext": {"authorizer": dict(authorizer or {}), "requestId": "request"},
        "body": base64.b64encode(text).decode() if isinstance(text, bytes) else text,
        "isBase64Encoded": isinstance(text, bytes),
    }


class World:
    """The functions and their fakes. `request` sends an HTTP request to the function that serves the route."""

    def __init__(
        self,
        folder: Path,
        *plugins: PluginManifest,
        store: JobStore | None = None,
        index: PluginIndex | None = None,
        oidc_issuer: str = "",
        around: Callable[[Any], Any] = lambda service: service,
    ) -> None:
        """`around` wraps the stores of jobs and batches, the workflow of batches and the object store."""
        self.jobs = MemoryJobs()
        self.store: JobStore = store or around(self.jobs)
        self.workflow = MemoryWorkflow()
        self.delivery_workflow = MemoryDeliveryWorkflow()
        self.deliveries = MemoryDeliveries()
        self.signing_secrets = MemorySigningSecrets()
        self.receiver = Receiver()
        self.batches = MemoryBatches(self.jobs)
        self.batch_workflow = MemoryBatchWorkflow()
        self.objects = MemoryObjects()
        self.sink = RecordingSink()
        self.rates = MemoryRates()
        self.secrets = MemorySecrets()
        self.clock = ManualClock()
        self.sandbox = ScriptedSandbox(echoes)
        self.context = LambdaContext()
        self.request_age_s = 0.0
        self.core = self._core(index or an_index(folder / "index", *plugins), oidc_issuer, around)
        self._compose_functions()

    def _core(self, index: PluginIndex, oidc_issuer: str, around: Callable[[Any], Any]) -> Core:
        return Core(
            SETTINGS,
            store=self.store,
            workflow=self.workflow,
            delivery_workflow=self.delivery_workflow,
            delivery_store=self.deliveries,
            signing_secrets=self.signing_secrets,
            batch_store=around(self.batches),
            batch_workflow=around(self.batch_workflow),
            objects=around(self.objects),
            index=index,
            sink=self.sink,
            rates=self.rates,
            secrets=self.secrets,
            max_wait_s=20,
            oidc_issuer=oidc_issuer,
            clock=self.clock,
        )

    def _compose_functions(self) -> None:
        self.runner = job_runner(self.core, self.sandbox.as_sandbox())
        self._execute = execute_app(self.core, self.runner)
        self._jobs = jobs_app(self.core)
        self.send_webhook = send_webhook_task(self.core, self.receiver)
        self._batches = batches_app(self.core)
        self._prepare_batch = prepare_batch_task(self.core)
        self._finish_batch = finish_batch_task(self.core)

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        text: str | bytes | None = None,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, Sequence[str]] | None = None,
        tenant: str = "acme",
        scopes: str = "admin",
        key_id: str = "key",
        rate: str | None = None,
        concurrency: int | None = None,
    ) -> Answer:
        """Send a request. `body` is sent as JSON, `text` unchanged; with an empty `tenant` it is unauthenticated."""
        if body is not None:
            text = json.dumps(body)
        authorizer = {"tenant": tenant, "key_id": key_id, "scopes": scopes} if tenant else {}
        authorizer |= {"rate": rate} if rate else {}
        authorizer |= {"concurrency": str(concurrency)} if concurrency else {}
        event = rest_event(method, path, text=text, headers=headers, query=query, authorizer=authorizer)
        event["requestContext"]["requestTimeEpoch"] = int((time.time() - self.request_age_s) * 1000)
        runs_tools = path in {"/v1/execute", "/v1/uploads", "/mcp"} or path.endswith("/rerun")
        app = self._batches if path.startswith("/v1/batches") else self._execute if runs_tools else self._jobs
        answer = app.resolve(event, self.context)
        assert answer["isBase64Encoded"] is False
        sent = {name: ", ".join(values) for name, values in answer["multiValueHeaders"].items()}
        assert sent["Content-Type"] == "application/json"
        assert sent["X-Request-Id"] == event["requestContext"]["requestId"]
        return Answer(answer["statusCode"], sent, json.loads(answer["body"]))

    def resolve_execute(self, event: dict[str, Any]) -> dict[str, Any]:
        """Pass an event to the execute function."""
        return self._execute.resolve(event, self.context)

    def execute(self, input: Any = None, *, prefer: str | None = None, **fields: Any) -> Answer:
        """Send `POST /v1/execute` for the plugin `echo`."""
        body = {"plugin": "echo", "input": {"text": "hello"} if input is None else input} | fields
        return self.request("POST", "/v1/execute", body, headers={"Prefer": prefer} if prefer else None)

    def run_submitted(self, job_id: str, tenant: str = "acme") -> Job | None:
        """Run a submitted job as the workflow's task does."""
        return self.runner.run_pending(tenant, job_id, deadline=Deadline.after(800))

    def prepare_batch(self, batch_id: str, tenant: str = "acme") -> dict[str, Any]:
        """Invoke the first task of the workflow of batches."""
        return self._prepare_batch({"tenant": tenant, "batch_id": batch_id})

    def run_items(self, batch_id: str, tenant: str = "acme") -> None:
        """Run the jobs that the first task has listed, one after the other, as the workflow's Map does."""
        for one in json.loads(self.objects.texts[f"batches/{tenant}/{batch_id}/jobs.json"]):
            self.run_submitted(one["job_id"], one["tenant"])

    def finish_batch(self, batch_id: str, tenant: str = "acme") -> bool:
        """Invoke the last task of the workflow of batches. Return whether the batch has finished."""
        return bool(self._finish_batch({"tenant": tenant, "batch_id": batch_id})["finished"])

    def submit(self, **fields: Any) -> str:
        """Submit a job and return its id."""
        answer = self.execute(prefer="respond-async", **fields)
        assert answer.status == 202, answer.body
        return str(answer.body["job_id"])
