"""Replay events through the functions over moto's AWS, and record the functions' AWS calls."""

import atexit
import importlib.util
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import patch
from urllib.parse import urlsplit

import boto3
from moto import mock_aws

from interlock.adapters import aws
from interlock.composition import sandbox as composed
from interlock.composition.core import Core, Settings
from interlock.domain import job as jobs
from interlock.domain.batch import Batch, BatchStatus
from interlock.domain.events import EMPTY_LOG, state_event
from interlock.domain.job import Job
from interlock.domain.job_status import JobStatus
from interlock.domain.outcome import Outcome
from interlock.domain.times import utc_now
from interlock.domain.upload_id import Upload
from interlock.domain.webhook import Webhook
from interlock.jobs.batches import LOOK_AFTER
from interlock.plugins.index import open_index
from interlock.sandbox import Sandbox
from interlock_dev.aws.iam.calls import Need, needs
from interlock_dev.aws.iam.policies import Statement, statements
from interlock_dev.project.template import AwsType, Template
from tests.service.stream import count_jobs

type Json = dict[str, Any]

ROOT = Path(__file__).resolve().parents[2]
EVENTS = ROOT / "events"
TENANT = "dev"
JOB_ID = "01KY4QJ3HS0123456789ABCDEF"

TEMPLATE = Template(ROOT / "template.yaml")
[TABLE] = TEMPLATE.of_type(AwsType.TABLE)
[BUCKET] = TEMPLATE.of_type(AwsType.BUCKET)
QUEUES = {queue.logical_id: queue for queue in TEMPLATE.of_type(AwsType.QUEUE)}
_MACHINES = {machine.logical_id: machine for machine in TEMPLATE.of_type(AwsType.STATE_MACHINE)}
WORKFLOW, BATCH_WORKFLOW = _MACHINES["Workflow"], _MACHINES["BatchWorkflow"]
DELIVERY_WORKFLOW = _MACHINES["DeliveryWorkflow"]
_FUNCTIONS = TEMPLATE.functions()
POLICIES: Mapping[str, tuple[Statement, ...]] = {
    name: statements(name, function.policies) for name, function in _FUNCTIONS.items()
}


def event(name: str) -> Json:
    """An event of events/."""
    found: Json = json.loads((EVENTS / f"{name}.json").read_text())
    return found


def functions_by_event() -> Mapping[str, str]:
    """The table of events/README.md."""
    rows = re.findall(r"^\| `([\w-]+)\.json` \| `(\w+)` \|", (EVENTS / "README.md").read_text(), re.MULTILINE)
    assert len({name for name, _ in rows}) == len(rows)
    return dict(rows)


FUNCTIONS = functions_by_event()


class Context:
    """The fields of Lambda's context object that the handlers use."""

    def get_remaining_time_in_millis(self) -> int:
        return 60_000


class Account:
    """An AWS account with the stack's table, bucket and state machine in it."""

    def __init__(self, core: Core) -> None:
        self.core = core
        self.workflow_arn = core.settings.workflow_arn
        self.delivery_workflow_arn = DELIVERY_WORKFLOW.arn
        self.batch_workflow_arn = BATCH_WORKFLOW.arn
        self.dynamodb = boto3.client("dynamodb")

    def job(self) -> Job:
        """Return the stored job."""
        found = self.core.store.get(TENANT, JOB_ID)
        assert found is not None
        return found

    def executions(self, workflow_arn: str) -> list[str]:
        """Return the names of a workflow's executions."""
        found = boto3.client("stepfunctions").list_executions(stateMachineArn=workflow_arn)["executions"]
        return [execution["name"] for execution in found]

    def put_pending(
        self,
        input: Any = None,
        *,
        plugin: str = "ocr",
        tool: str = "analyze",
        submitted: timedelta = timedelta(0),
        started: bool = True,
        key_limit: int | None = None,
        webhook: Webhook | None = None,
    ) -> Job:
        """A job of the fixed id that has waited for its execution since it was submitted."""
        now = utc_now() - submitted
        job = Job(
            tenant=TENANT,
            job_id=JOB_ID,
            plugin=plugin,
            tool=tool,
            plugin_version="1.0.0",
            timeout_s=20.0,
            status=JobStatus.PENDING,
            created_at=now,
            updated_at=now,
            expires_at=now + timedelta(days=7),
            events=EMPTY_LOG.adding([state_event(JobStatus.PENDING, now)]),
            key_id=None if key_limit is None else "limited",
            key_limit=key_limit,
            webhook=webhook,
        )
        stored = self.core.documents.write(job, "input", input or {})
        job = jobs.submitted(job, input=stored, lease_expires_at=now + timedelta(minutes=1))
        self.core.store.create(job)
        if started:
            self.core.workflow.start(TENANT, JOB_ID)
        return job

    def put_running(self, lease: timedelta = timedelta(minutes=10), **fields: Any) -> Job:
        """A job that a worker has taken, until the end of its lease."""
        before, now = self.put_pending(**fields), utc_now()
        after = jobs.claimed(before, worker_id="worker", now=now, lease_expires_at=now + lease)
        self.core.store.change(before, after)
        return after

    def put_batch(
        self, *inputs: Any, upload: bool = False, age: timedelta = timedelta(0), started: bool = True, **fields: Any
    ) -> Batch:
        """A batch of the fixed id that was submitted some time ago, with these inputs of `ocr.analyze`."""
        now = utc_now() - age
        batch = Batch(
            tenant=TENANT,
            batch_id=JOB_ID,
            plugin="ocr",
            tool="analyze",
            plugin_version="1.0.0",
            timeout_s=20.0,
            max_concurrency=8,
            items_key=f"batches/{TENANT}/{JOB_ID}/items.jsonl",
            status=BatchStatus.PREPARING,
            created_at=now,
            updated_at=now,
            expires_at=now + timedelta(days=7),
            look_at=now + LOOK_AFTER,
            total=None if upload else len(inputs),
            **fields,
        )
        items = [{"input": one} for one in inputs]
        if upload:
            text = "\n".join(json.dumps(item) for item in items)
            upload_id = self.put_upload(text.encode(), "application/jsonl")
            batch = replace(batch, items_key=Upload.of_id(upload_id).key(TENANT))
        else:
            self.core.batch_items.write(batch.items_key, items)
        self.core.batch_store.create(batch)
        if started:
            self.core.batch_workflow.start(batch)
        return batch

    def batch(self) -> Batch:
        """Return the stored batch."""
        found = self.core.batch_store.get(TENANT, JOB_ID)
        assert found is not None
        return found

    def put_upload(self, content: bytes, content_type: str) -> str:
        """An upload that has arrived; returns its id."""
        upload = Upload.new(content_type, len(content), utc_now())
        boto3.client("s3").put_object(
            Bucket=BUCKET.name, Key=upload.key(TENANT), Body=content, ContentType=content_type
        )
        return upload.id

    def count(self, changes: Json) -> None:
        """Count the jobs of an event of the table's stream."""
        answer = count_jobs(self.dynamodb, TABLE.name)(changes)
        assert answer["batchItemFailures"] == []

    def put_succeeded(self, text: str = "hello", **fields: Any) -> Job:
        """A job that has brought `{"text": "hello"}`."""
        before = self.put_running(**fields)
        outcome = Outcome(JobStatus.SUCCEEDED, execution_time_ms=41.2)
        result = self.core.documents.write(before, "result-1", {"text": text})
        after = jobs.ended(before, outcome, result=result, progress=None, now=utc_now())
        self.core.store.settle(before, after)
        return after


@contextmanager
def new_account(index: Path) -> Iterator[Account]:
    """Open an emulated AWS account with the plugins of the index; closing deletes it."""
    settings = {
        "AWS_DEFAULT_REGION": "us-east-1",
        "INTERLOCK_PLUGIN_INDEX": str(index),
        "INTERLOCK_TABLE": TABLE.name,
        "INTERLOCK_BUCKET": BUCKET.name,
        "INTERLOCK_BUCKET_ORIGIN": f"https://{BUCKET.name}.s3.us-east-1.amazonaws.com",
        "INTERLOCK_WORKFLOW_ARN": WORKFLOW.arn,
        "INTERLOCK_DELIVERY_WORKFLOW_ARN": DELIVERY_WORKFLOW.arn,
        "INTERLOCK_BATCH_WORKFLOW_ARN": BATCH_WORKFLOW.arn,
        "INTERLOCK_RETENTION_DAYS": "7",
        "INTERLOCK_KEY_CACHE_S": "10",
        "INTERLOCK_MAX_WAIT_S": "20",
        "INTERLOCK_DEFAULT_RATE": "none",
        "INTERLOCK_DEFAULT_CONCURRENCY": "0",
        "INTERLOCK_OIDC_ISSUER": "",
        "INTERLOCK_OIDC_AUDIENCE": "",
        "INTERLOCK_OIDC_TENANT_CLAIM": "tenant",
        "INTERLOCK_OIDC_SCOPE_CLAIM": "scope",
    }
    with patch.dict(os.environ, settings), mock_aws():
        creatable = ("AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "BillingMode")
        table = {name: TABLE.properties[name] for name in creatable}
        boto3.client("dynamodb").create_table(TableName=TABLE.name, **table)
        boto3.client("s3").create_bucket(Bucket=BUCKET.name)
        waiting = {"StartAt": "Wait", "States": {"Wait": {"Type": "Wait", "Seconds": 9, "End": True}}}
        for machine in (WORKFLOW, DELIVERY_WORKFLOW, BATCH_WORKFLOW):
            boto3.client("stepfunctions").create_state_machine(
                name=machine.name,
                definition=json.dumps(waiting),
                roleArn="arn:aws:iam::123456789012:role/workflow",
            )
        open_index.cache_clear()
        yield Account(Core(Settings.from_env()))
        open_index.cache_clear()


class Replay:
    """Sends events to their functions. A function is loaded for each as Lambda does: from its folder, with its
    environment. `needs`: what it has asked of AWS, all of which its policies must allow."""

    def __init__(self) -> None:
        self.needs: set[Need] = set()
        self._asked: set[Need] | None = None
        aws.session.cache_clear()
        aws.session().register("request-created", self._record)

    def _record(self, **sending: Any) -> None:
        request = sending["request"]
        if self._asked is None:
            # A request of the test itself, between two events.
            return
        url, target = urlsplit(request.url), request.headers.get("X-Amz-Target", b"")
        in_host = url.netloc.partition(".s3.")[0] if ".s3." in url.netloc else ""
        path = f"/{in_host}{url.path}" if in_host else url.path
        self._asked.update(needs(request.method, path, url.query, _text(target), request.data or b""))

    def __call__(self, sent: str | Json, function: str = "") -> Any:
        """Sends an event, by its name in events/ or as it is, and returns the answer."""
        function = function or FUNCTIONS[str(sent)]
        module = _module(_FUNCTIONS[function].task_root / "handler.py")
        asked: set[Need] = set()
        self._asked = asked
        answer = module.handler(event(sent) if isinstance(sent, str) else sent, Context())
        self._asked = None
        refused = [need for need in asked if not any(one.allows(need) for one in POLICIES[function])]
        assert not refused, f"{function} may not do what it does"
        self.needs |= asked
        return answer


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


@contextmanager
def replaying() -> Iterator[Replay]:
    """Replay inside an account. All functions share one sandbox, since a new one for each event takes a second."""
    with patch.object(
        composed, "Sandbox", lambda target, *, loader, preload, **_: _shared_sandbox(target, loader, preload)
    ):
        yield Replay()
    aws.session.cache_clear()


@cache
def _shared_sandbox(target: str, loader: str, preload: Sequence[str]) -> Sandbox:
    sandbox = Sandbox(target, loader=loader, preload=preload)
    atexit.register(sandbox.close)
    return sandbox


def _module(file: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"{file.parent.name}_handler", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
