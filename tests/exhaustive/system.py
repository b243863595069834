"""The functions as their handlers compose them, on the shared table, with faults in their ports."""

import contextlib
import functools
import json
import tempfile
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from interlock.adapters.dynamo.counters import DynamoCounters
from interlock.adapters.dynamo.jobs import DynamoJobs
from interlock.adapters.s3_files import S3Files
from interlock.composition.core import Core, Settings
from interlock.composition.count_jobs import count_jobs_task
from interlock.composition.execute import execute_app
from interlock.composition.job_worker import job_runner, run_job_task
from interlock.composition.jobs import jobs_app
from interlock.composition.sandbox import LOADER, PRELOAD, TARGET
from interlock.composition.settlement import settle_jobs_task
from interlock.domain.client_input import ELICITATION
from interlock.domain.errors import ServiceUnavailable
from interlock.domain.job import Job
from interlock.domain.manifest import PluginSource
from interlock.domain.outcome import ClientInput
from interlock.domain.times import utc_now
from interlock.domain.upload_id import Upload
from interlock.jobs.answering import Answering
from interlock.jobs.runner import JobRunner
from interlock.jobs.service import NewJob
from interlock.plugins.describing import describe
from interlock.plugins.index import PluginIndex
from interlock.ports import Workflow
from interlock.sandbox import Sandbox
from interlock_dev.aws.dynamodb.stream import Record, stream_event
from tests.exhaustive.injection import Faults, intercept_requests, intercepted
from tests.exhaustive.workflow import Engine, Executions
from tests.fakes.outside import (
    MemoryDeliveries,
    MemoryDeliveryWorkflow,
    MemoryRates,
    MemorySecrets,
    MemorySigningSecrets,
    RecordingSink,
)
from tests.fakes.plugins import an_index
from tests.fakes.world import Answer, LambdaContext, rest_event
from tests.service.stream import StreamReader

ROOT = Path(__file__).parents[2]
WITNESS = Path(__file__).parent / "plugins" / "witness.py"
REGION = "us-east-1"
BUCKET = "documents"
TENANT = "acme"
LONGER_THAN_LEASES_S = 71
"""Longer than any lease: a start lease lasts 60 s, and the schedule settles a job up to 10 s after its lease."""

LONGER_THAN_RETENTION_S = 8 * 86_400
KEY_LIMIT = 5
HEARTBEAT_S = 0.2
"""A shorter interval than the real one, so that many crash points are tested in a short time."""


_session = boto3.session.Session("local", "local", region_name=REGION)
_making = threading.Lock()


def new_client(service: str, url: str) -> Any:
    """Make a client without retries: a failure on loopback is final."""
    config = Config(retries={"total_max_attempts": 1}, max_pool_connections=50, parameter_validation=False)
    with _making:
        return _session.client(service, endpoint_url=url, config=config)  # type: ignore[call-overload]  # by literal


client = functools.cache(new_client)
"""Shared by the process: the clients are thread-safe."""


@dataclass(frozen=True, slots=True)
class SharedState:
    """The state that the processes of a test share and that survives them: table, index and a folder."""

    url: str
    table: str
    index: str
    folder: str

    def file(self, name: str) -> Path:
        return Path(self.folder) / name

    @property
    def record(self) -> Path:
        """The file in which the plugin records its runs."""
        return self.file("record")


@dataclass(frozen=True, slots=True)
class RecordedAnswer:
    """A response that a client has received."""

    request: str
    status: int
    body: Any


class MovableClock:
    """The real time plus an offset."""

    def __init__(self) -> None:
        self._ahead = timedelta()

    def __call__(self) -> datetime:
        return utc_now() + self._ahead

    def advance(self, seconds: float) -> None:
        self._ahead += timedelta(seconds=seconds)


def new_sandbox() -> Sandbox:
    """Create a sandbox as `interlock.composition.sandbox` does, except that tools may write where the witness keeps its
    record. It starts with its first run."""
    return Sandbox(TARGET, loader=LOADER, preload=PRELOAD, writable=[tempfile.gettempdir()])


def witness_index(folder: Path) -> Path:
    """Write an index whose only plugin is the witness."""
    an_index(folder, *describe(PluginSource("witness", "", str(WITNESS))))
    return folder


class System:
    """Clients, functions and workflow of one process. `limited`: the clients' API key has a concurrency limit."""

    def __init__(
        self,
        shared: SharedState,
        sandbox: Sandbox,
        *,
        faults: Faults | None = None,
        engine_retries: bool = False,
        limited: bool = False,
    ) -> None:
        self.shared = shared
        self._limited = limited
        self.clock = MovableClock()
        self.executions = Executions(shared.file("executions"))
        make = client if faults is None else new_client
        table, bucket = make("dynamodb", shared.url), make("s3", shared.url)
        workflow: Workflow = self.executions
        if faults is not None:
            intercept_requests(table, faults)
            intercept_requests(bucket, faults)
            workflow = intercepted(faults, "workflow", workflow)
        self.core = core = Core(
            Settings(shared.table, BUCKET, "arn", timedelta(days=7)),
            store=DynamoJobs(table, shared.table),
            counters=DynamoCounters(table, shared.table),
            workflow=workflow,
            delivery_workflow=MemoryDeliveryWorkflow(),
            delivery_store=MemoryDeliveries(),
            signing_secrets=MemorySigningSecrets(),
            objects=S3Files(bucket, BUCKET),
            index=PluginIndex(Path(shared.index)),
            sink=RecordingSink(),
            rates=MemoryRates(),
            secrets=MemorySecrets(),
            max_wait_s=20,
            oidc_issuer="",
            clock=self.clock,
        )
        self._compose_functions(job_runner(core, sandbox), engine_retries=engine_retries)

    def _compose_functions(self, runner: JobRunner, *, engine_retries: bool) -> None:
        core = self.core
        self.engine = self._engine(runner, retries=engine_retries)
        self._execute = execute_app(core, runner)
        self._jobs = jobs_app(core)
        self._count_jobs = count_jobs_task(core)
        self._answering = Answering(core.store, core.workflow, clock=core.clock)

    def _engine(self, runner: JobRunner, *, retries: bool) -> Engine:
        run_job, settle_jobs = run_job_task(runner), settle_jobs_task(self.core)
        return Engine(
            self.executions,
            run_job=lambda tenant, job_id: run_job({"tenant": tenant, "job_id": job_id}, LambdaContext(70_000)),
            settle_job=lambda tenant, job_id: settle_jobs({"tenant": tenant, "job_id": job_id}),
            wait=self.clock.advance,
            retries=retries,
        )

    def call(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Answer:
        """Send one HTTP request and record its response before anything else happens."""
        authorizer = {"tenant": TENANT, "key_id": "key", "scopes": "admin"}
        authorizer |= {"concurrency": str(KEY_LIMIT)} if self._limited else {}
        text = None if body is None else json.dumps(body)
        event = rest_event(method, path, text=text, headers=headers, authorizer=authorizer)
        app = self._execute if path == "/v1/execute" or path.endswith("/rerun") else self._jobs
        raw = app.resolve(event, LambdaContext())
        answer = Answer(raw["statusCode"], {}, json.loads(raw["body"]))
        with self.shared.file("answers").open("a") as answers:
            answers.write(json.dumps([f"{method} {path}", answer.status, answer.body]) + "\n")
        return answer

    def execute(
        self,
        tool: str = "work",
        *,
        prefer: str = "",
        key: str = "",
        deadline_s: float | None = None,
        **input: Any,
    ) -> Answer:
        """Call `POST /v1/execute` with a tool of the witness."""
        headers = {"Prefer": prefer, "Idempotency-Key": key}
        body: dict[str, Any] = {
            "plugin": "witness",
            "tool": tool,
            "input": {"record": str(self.shared.record), **input},
        }
        body |= {"deadline_s": deadline_s} if deadline_s else {}
        return self.call("POST", "/v1/execute", body, {name: value for name, value in headers.items() if value})

    def upload(self, text: str) -> dict[str, str]:
        """Upload a file, and return the value that names it in an input."""
        content = text.encode()
        upload = Upload.new("text/plain", len(content), self.clock())
        bucket = client("s3", self.shared.url)
        bucket.put_object(Bucket=BUCKET, Key=upload.key(TENANT), Body=content, ContentType=upload.content_type)
        return {"upload_id": upload.id}

    def cancel(self, job_id: str) -> Answer:
        return self.call("POST", f"/v1/jobs/{job_id}/cancel", {"reason": "enough"})

    def submit_for_a_client(self) -> Job:
        """Submit a job whose tool may request input, as an MCP call that becomes a task does."""
        wanted = NewJob(TENANT, "witness", "ask", "1.0.0", 60, client_input=ClientInput((ELICITATION,)))
        return self.core.service.submit(self.core.service.new(wanted), {"record": str(self.shared.record)})

    def respond(self, job_id: str, *keys: str) -> None:
        """Give a job responses as `tasks/update` does. A failure is ignored, because the client tries again."""
        responses = {key: {"action": "accept", "content": {"text": key}} for key in keys}
        with contextlib.suppress(ServiceUnavailable):
            self._answering(self.core.service.get(TENANT, job_id), responses)

    def schedule(self) -> None:
        """Settle lapsed jobs as the schedule does. A failure is ignored, because the schedule comes again."""
        with contextlib.suppress(ServiceUnavailable):
            self.core.service.settle_lapsed()

    def stream_records(self) -> list[tuple[str, Record]]:
        """Return all records of the table's stream, each with its shard."""
        reader = StreamReader(client("dynamodbstreams", self.shared.url), self.shared.table)
        return [(shard, record) for shard, records in reader.read() for record in records]

    def deliver(self, records: Sequence[tuple[str, Record]]) -> bool:
        """Invoke `count_jobs` with records of the only shard. Return whether all of them are counted."""
        [shard] = {shard for shard, _ in records}
        answer = self._count_jobs(stream_event("stream", shard, [record for _, record in records]))
        return not answer["batchItemFailures"]

    def count_all(self) -> None:
        """Deliver all records as Lambda may: a batch again, in other parts, and parts that were counted before."""
        records = self.stream_records()
        for size in (len(records), 3, 2):
            for start in range(0, len(records), size or 1):
                assert self.deliver(records[start : start + size])

    def answers(self) -> list[RecordedAnswer]:
        """Return all responses so far, of all processes."""
        file = self.shared.file("answers")
        return [RecordedAnswer(*json.loads(line)) for line in file.read_text().splitlines()] if file.exists() else []
