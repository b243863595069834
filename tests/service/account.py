"""An emulated AWS account with the stack in it."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from copy import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import boto3
from moto import mock_aws

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
from tests.service.replay import BATCH_WORKFLOW, BUCKET, DELIVERY_WORKFLOW, JOB_ID, TABLE, TENANT, WORKFLOW
from tests.service.stream import count_jobs

type Json = dict[str, Any]


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
        """Store a pending job with the id `JOB_ID`; `submitted` is the time since its submission."""
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
            self.core.workflow.start(job)
        return job

    def put_running(self, lease: timedelta = timedelta(minutes=10), **fields: Any) -> Job:
        """Store a job that a worker has claimed with a lease of this length."""
        before, now = self.put_pending(**fields), utc_now()
        after = jobs.claimed(before, worker_id="worker", now=now, lease_expires_at=now + lease)
        self.core.store.change(before, after)
        return after

    def put_batch(
        self, *inputs: Any, upload: bool = False, age: timedelta = timedelta(0), started: bool = True, **fields: Any
    ) -> Batch:
        """Store a batch of this age with the id `JOB_ID` and these inputs of `ocr.analyze`."""
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
        """Count the jobs in an event of the table's stream."""
        answer = count_jobs(self.dynamodb, TABLE.name)(changes)
        assert answer["batchItemFailures"] == []

    def put_succeeded(self, text: str = "hello", **fields: Any) -> Job:
        """Store a succeeded job with this text in its result."""
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
