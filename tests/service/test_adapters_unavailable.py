"""Adapters of services that do not respond."""

import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from interlock.adapters import aws
from interlock.adapters.dynamo.deliveries import DynamoDeliveries
from interlock.adapters.dynamo.jobs import DynamoJobs
from interlock.adapters.dynamo.keys import DynamoKeys
from interlock.adapters.dynamo.signing_secrets import DynamoSigningSecrets
from interlock.adapters.s3_files import S3Files
from interlock.adapters.step_functions import StepFunctionsDeliveries, StepFunctionsWorkflow
from interlock.domain import job as steps
from interlock.domain.errors import ServiceUnavailable
from interlock.domain.job_status import JobStatus
from interlock.domain.webhook import Delivery, Step, Subject, WebhookEvent
from interlock.domain.webhook_secret import SigningSecrets
from interlock.ports import JobFilter, StoredObject
from tests.fakes.jobs import a_job
from tests.fakes.outside import NOON
from tests.service import clients
from tests.service.conftest import Table
from tests.service.storage_jobs import LEASE, succeeded


@pytest.fixture
def closed_url() -> Iterator[str]:
    """A URL on which no server listens: the port number is reserved here."""
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{reserved.getsockname()[1]}"


JOB = a_job(JobStatus.RUNNING)
SUBJECT = Subject("t", "j")
STEP = Step(SUBJECT, WebhookEvent.FINISHED)
ENDED = succeeded(JOB)
STORE_CALLS: dict[str, Callable[[DynamoJobs], object]] = {
    "create": lambda store: store.create(JOB),
    "start": lambda store: store.create(JOB),
    "get": lambda store: store.get("t", "j"),
    "change": lambda store: store.change(JOB, steps.cancel_requested(JOB, reason=None, now=NOON)),
    "heartbeat": lambda store: store.heartbeat(JOB, now=NOON, lease_expires_at=LEASE, progress=None),
    "find_by_key": lambda store: store.find_by_key("t", "00" * 32),
    "settle": lambda store: store.settle(JOB, ENDED),
    "page": lambda store: store.page(JobFilter("t"), limit=1, before_id=None),
    "with_lapsed_lease": lambda store: list(store.with_lapsed_lease(NOON)),
    "metrics": lambda store: store.metrics("p"),
    "states": lambda store: store.states(),
}


@pytest.mark.parametrize("call", list(STORE_CALLS))
def test_unresponsive_table_is_unavailable(closed_url: str, call: str) -> None:
    store = DynamoJobs(clients.dynamodb(closed_url, once=True), "jobs")
    with pytest.raises(ServiceUnavailable) as caught:
        STORE_CALLS[call](store)
    assert caught.value.details == {"service": "table"}


OTHER_CALLS: dict[str, tuple[str, Callable[[str], object]]] = {
    "keys.get": ("table", lambda url: DynamoKeys(clients.dynamodb(url, once=True), "jobs").get("h")),
    "deliveries.get": ("table", lambda url: _deliveries(url).get(SUBJECT, WebhookEvent.FINISHED)),
    "deliveries.about": ("table", lambda url: _deliveries(url).about(SUBJECT)),
    "deliveries.record": (
        "table",
        lambda url: _deliveries(url).record(SUBJECT, Delivery(WebhookEvent.FINISHED), expires_at=JOB.expires_at),
    ),
    "signing.get": ("table", lambda url: _signing(url).get("t")),
    "signing.replace": ("table", lambda url: _signing(url).replace("t", None, SigningSecrets.new(NOON))),
    "files.put": ("bucket", lambda url: S3Files(clients.s3(url, once=True), "b").put("k", "{}")),
    "files.get": ("bucket", lambda url: S3Files(clients.s3(url, once=True), "b").get("k")),
    "files.describe": ("bucket", lambda url: S3Files(clients.s3(url, once=True), "b").describe("k")),
    "files.fetch": (
        "bucket",
        lambda url: S3Files(clients.s3(url, once=True), "b").fetch(
            "k", Path("k"), StoredObject(5, "image/png"), lambda: False
        ),
    ),
    "workflow.start": (
        "workflow",
        lambda url: StepFunctionsWorkflow(clients.stepfunctions(url, once=True), MACHINE).start(a_job()),
    ),
    "deliveries.start": (
        "workflow",
        lambda url: StepFunctionsDeliveries(clients.stepfunctions(url, once=True), MACHINE).start(STEP),
    ),
    "workflow.stop": (
        "workflow",
        lambda url: StepFunctionsWorkflow(clients.stepfunctions(url, once=True), MACHINE).stop(a_job(), "why"),
    ),
}


def _deliveries(url: str) -> DynamoDeliveries:
    return DynamoDeliveries(clients.dynamodb(url, once=True), "jobs")


def _signing(url: str) -> DynamoSigningSecrets:
    return DynamoSigningSecrets(clients.dynamodb(url, once=True), "jobs")


MACHINE = "arn:aws:states:us-east-1:123456789012:stateMachine:jobs"


@pytest.mark.parametrize("call", list(OTHER_CALLS))
def test_unresponsive_service_is_unavailable(closed_url: str, call: str) -> None:
    service, action = OTHER_CALLS[call]
    with pytest.raises(ServiceUnavailable) as caught:
        action(closed_url)
    assert caught.value.details == {"service": service}


def test_missing_table_is_unavailable_and_no_job_is_stale(table: Table) -> None:
    with pytest.raises(ServiceUnavailable):
        DynamoJobs(table.client, "no-such-table").get("t", "j")
    with pytest.raises(ServiceUnavailable):
        DynamoJobs(table.client, "no-such-table").create(JOB)


def test_clients_give_up_before_a_lease_expires(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "y",
    }.items():
        monkeypatch.setenv(name, value)
    aws.session.cache_clear()
    for client in (aws.dynamodb(), aws.stepfunctions(), aws.s3()):
        config: Any = client.meta.config
        assert config.retries == {"mode": "standard", "total_max_attempts": 3}
        assert config.connect_timeout == 2
        assert config.read_timeout <= 15


def test_clients_of_the_bucket_and_the_workflow_are_created_at_their_first_use(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "y",
    }.items():
        monkeypatch.setenv(name, value)
    aws.session.cache_clear()
    with patch.object(aws.session(), "create_client", wraps=aws.session().create_client) as create:
        bucket, workflow = aws.s3(), aws.stepfunctions()
        create.assert_not_called()
        assert bucket.meta.region_name == workflow.meta.region_name == "us-east-1"
        assert bucket.get_object == bucket.get_object
    assert [call.args[0] for call in create.call_args_list] == ["s3", "stepfunctions"]
