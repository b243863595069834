"""Failures of real clients: lost answers, conflicts, services that are down; keys, documents, executions."""

import json
import os
import socket
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest
import requests
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.httpsession import URLLib3Session
from urllib3.exceptions import ProtocolError

from interlock.adapters import aws
from interlock.adapters.dynamo import jobs as dynamo_jobs
from interlock.adapters.dynamo.jobs import TRANSACTION_TRIES, DynamoJobs
from interlock.adapters.dynamo.keys import DynamoKeys
from interlock.adapters.s3_files import FETCH_TRIES, PIECE_BYTES, S3Files
from interlock.adapters.step_functions import StepFunctionsWorkflow
from interlock.domain import job as steps
from interlock.domain.counters import ending_delta, starting_delta
from interlock.domain.errors import NotFound, ServiceUnavailable
from interlock.domain.idempotency import IdempotencyRecord
from interlock.domain.job import Job
from interlock.domain.job_status import JobStatus
from interlock.domain.outcome import Outcome
from interlock.domain.upload_id import is_content_type
from interlock.jobs.documents import INLINE_LIMIT_BYTES, Documents
from interlock.ports import JobFilter, StoredObject
from tests.fakes.jobs import a_job
from tests.fakes.outside import NOON
from tests.service import clients
from tests.service.clients import Interference, LosesAnswer, Refuses
from tests.service.conftest import Table

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

LEASE = NOON + timedelta(seconds=20)
FIVE = StoredObject(5, "image/png")


@pytest.fixture
def job(tenant: str, plugin: str) -> Job:
    return a_job(JobStatus.RUNNING, tenant=tenant, plugin=plugin)


def ended(job: Job) -> Job:
    outcome = Outcome(JobStatus.SUCCEEDED, execution_time_ms=5.0)
    return steps.ended(job, outcome, result=None, progress=None, now=NOON)


# --- The SDK sends again what had arrived ---


def test_create_with_a_lost_response_has_created_the_job(table: Table, job: Job) -> None:
    with LosesAnswer(table.client, "PutItem") as lost:
        table.store.create(job)
    assert lost.seen == 2
    assert table.store.get(job.tenant, job.job_id) == job


def test_start_with_a_lost_response_has_started_the_job_and_counts_once(table: Table, job: Job) -> None:
    with LosesAnswer(table.client, "TransactWriteItems") as lost:
        table.store.create(job, starting_delta(job, NOON))
    assert lost.seen == 2
    assert table.store.get(job.tenant, job.job_id) == job
    assert table.store.metrics(job.plugin)["say"].in_flight == 1


def test_idempotent_create_with_a_lost_response_is_recognized(table: Table, job: Job) -> None:
    claim = IdempotencyRecord(job.tenant, "key", "r", job.job_id, job.expires_at)
    with LosesAnswer(table.client, "TransactWriteItems") as lost:
        table.store.create(job, starting_delta(job, NOON), claim)
    assert lost.seen == 2
    assert table.store.metrics(job.plugin)["say"].in_flight == 1


def test_change_with_a_lost_response_has_changed_the_job(table: Table, job: Job) -> None:
    table.store.create(job)
    after = steps.cancel_requested(job, reason="why", now=NOON)
    with LosesAnswer(table.client, "UpdateItem") as lost:
        table.store.change(job, after)
    assert lost.seen == 2
    assert table.store.get(job.tenant, job.job_id) == after


def test_heartbeat_with_a_lost_response_has_extended_the_lease(table: Table, job: Job) -> None:
    table.store.create(job)
    with LosesAnswer(table.client, "UpdateItem") as lost:
        after_heartbeat = table.store.heartbeat(job, now=NOON, lease_expires_at=LEASE, progress=None)
    assert lost.seen == 2
    assert table.store.get(job.tenant, job.job_id) == after_heartbeat == replace(job, lease_expires_at=LEASE)


def test_outcome_with_a_lost_response_has_finished_the_job_and_counts_once(table: Table, job: Job) -> None:
    table.store.create(job, starting_delta(job, NOON))
    after = ended(job)
    with LosesAnswer(table.client, "TransactWriteItems") as lost:
        table.store.settle(job, after, ending_delta(job, after))
    assert lost.seen == 2
    assert table.store.get(job.tenant, job.job_id) == after
    metrics = table.store.metrics(job.plugin)["say"]
    assert (metrics.succeeded, metrics.in_flight) == (1, 0)


# --- A write that meets another ---

CANCELLED = "com.amazonaws.dynamodb.v20120810#TransactionCanceledException"


def refusal(*reasons: str) -> bytes:
    """The answer to a transaction that was cancelled for these reasons."""
    listed = [{"Code": reason} for reason in reasons]
    return json.dumps({"__type": CANCELLED, "Message": "cancelled", "CancellationReasons": listed}).encode()


CONFLICT = json.dumps(
    {"__type": "com.amazonaws.dynamodb.v20120810#TransactionConflictException", "message": "conflict"}
).encode()


@pytest.mark.parametrize(
    "reasons", [("None", "TransactionConflict"), ("TransactionConflict", "None"), ("TransactionConflict",) * 2]
)
def test_transaction_conflict_is_retried(table: Table, job: Job, reasons: tuple[str, str]) -> None:
    table.store.create(job, starting_delta(job, NOON))
    after = ended(job)
    with Refuses(table.client, "TransactWriteItems", 3, refusal(*reasons)) as met:
        table.store.settle(job, after, ending_delta(job, after))
    assert met.seen == 4
    assert table.store.get(job.tenant, job.job_id) == after
    assert table.store.metrics(job.plugin)["say"].succeeded == 1


def test_lasting_transaction_conflict_is_given_up(table: Table, job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dynamo_jobs, "CONFLICT_PAUSE_S", 0.0)
    with (
        Refuses(table.client, "TransactWriteItems", 1000, refusal("None", "TransactionConflict")) as met,
        pytest.raises(ServiceUnavailable),
    ):
        table.store.create(job, starting_delta(job, NOON))
    assert met.seen == TRANSACTION_TRIES
    assert table.store.get(job.tenant, job.job_id) is None


@pytest.mark.parametrize("reasons", [("None", "ThrottlingError"), ("ValidationError", "None")])
def test_transaction_cancelled_for_another_reason_is_unavailable(
    table: Table, job: Job, reasons: tuple[str, str]
) -> None:
    with (
        Refuses(table.client, "TransactWriteItems", 1000, refusal(*reasons)) as met,
        pytest.raises(ServiceUnavailable) as caught,
    ):
        table.store.create(job, starting_delta(job, NOON))
    assert met.seen == 1
    assert caught.value.details == {"service": "table"}
    assert caught.value.__cause__ is not None


def test_single_write_in_conflict_with_a_transaction_is_retried(table: Table, job: Job) -> None:
    # A cancel that meets the end of its job. botocore does not retry this error itself.
    table.store.create(job)
    cancelling = steps.cancel_requested(job, reason="why", now=NOON)
    with Refuses(table.client, "UpdateItem", 3, CONFLICT) as met:
        table.store.change(job, cancelling)
    assert met.seen == 4
    with Refuses(table.client, "UpdateItem", 2, CONFLICT) as met:
        after_heartbeat = table.store.heartbeat(cancelling, now=NOON, lease_expires_at=LEASE, progress=None)
    assert met.seen == 3
    assert table.store.get(job.tenant, job.job_id) == after_heartbeat


def test_single_write_in_lasting_conflict_is_given_up(table: Table, job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dynamo_jobs, "CONFLICT_PAUSE_S", 0.0)
    with Refuses(table.client, "PutItem", 1000, CONFLICT) as met, pytest.raises(ServiceUnavailable):
        table.store.create(job)
    assert met.seen == TRANSACTION_TRIES


def test_unprocessed_reads_are_retried(table: Table, tenant: str, plugin: str) -> None:
    jobs = [a_job(tenant=tenant, plugin=plugin, job_id=f"01J0000000000000000000000{n}") for n in range(3)]
    for job in jobs:
        table.store.create(job)
    keys = [{"pk": {"S": f"JOB#{tenant}#{job.job_id}"}, "sk": {"S": "JOB"}} for job in jobs]
    unprocessed = {"Responses": {table.name: []}, "UnprocessedKeys": {table.name: {"Keys": keys}}}
    with Refuses(table.client, "BatchGetItem", 1, json.dumps(unprocessed).encode(), status=200) as met:
        page, _ = table.store.page(JobFilter(tenant), limit=10, before_id=None)
    assert met.seen == 2
    assert list(page) == jobs[::-1]


# --- An index that lags behind its table ---


def answers_query(table: Table, item: dict[str, Any]) -> Refuses:
    """The next query finds this item, as an index may that has not heard the latest."""
    found = {"Items": [item], "Count": 1, "ScannedCount": 1}
    return Refuses(table.client, "Query", 1, json.dumps(found).encode(), status=200)


def key_of(job: Job) -> dict[str, Any]:
    return {"pk": {"S": f"JOB#{job.tenant}#{job.job_id}"}, "sk": {"S": "JOB"}, "job_id": {"S": job.job_id}}


def test_job_indexed_under_its_old_and_new_status_is_listed_once(table: Table, job: Job) -> None:
    table.store.create(job)
    statuses = (JobStatus.PENDING, JobStatus.RUNNING)
    with answers_query(table, key_of(job)):
        page, next_id = table.store.page(JobFilter(job.tenant, statuses=statuses), limit=1, before_id=None)
    assert (list(page), next_id) == ([job], None)


@pytest.mark.parametrize("gone", [False, True])
def test_job_without_the_wanted_status_or_deleted_is_not_listed(table: Table, job: Job, gone: bool) -> None:
    if not gone:
        table.store.create(job)
    with answers_query(table, key_of(job)):
        page, _ = table.store.page(JobFilter(job.tenant, statuses=(JobStatus.PENDING,)), limit=5, before_id=None)
    assert list(page) == []


def test_deleted_job_is_not_settled(table: Table, job: Job) -> None:
    with answers_query(table, key_of(job)) as met:
        assert list(table.store.with_lapsed_lease(NOON.replace(year=1999))) == []
    assert met.seen > 1


# --- A service that is down ---


@pytest.fixture
def closed_url() -> Iterator[str]:
    """A URL on which no server listens: the port number is reserved here."""
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{reserved.getsockname()[1]}"


JOB = a_job(JobStatus.RUNNING)
ENDED = ended(JOB)
STORE_CALLS: dict[str, Callable[[DynamoJobs], object]] = {
    "create": lambda store: store.create(JOB),
    "start": lambda store: store.create(JOB, starting_delta(JOB, NOON)),
    "get": lambda store: store.get("t", "j"),
    "change": lambda store: store.change(JOB, steps.cancel_requested(JOB, reason=None, now=NOON)),
    "heartbeat": lambda store: store.heartbeat(JOB, now=NOON, lease_expires_at=LEASE, progress=None),
    "find_idempotency_record": lambda store: store.find_idempotency_record("t", "h"),
    "settle": lambda store: store.settle(JOB, ENDED, ending_delta(JOB, ENDED)),
    "page": lambda store: store.page(JobFilter("t"), limit=1, before_id=None),
    "with_lapsed_lease": lambda store: list(store.with_lapsed_lease(NOON)),
    "metrics": lambda store: store.metrics("p"),
}


@pytest.mark.parametrize("call", list(STORE_CALLS))
def test_unresponsive_table_is_unavailable(closed_url: str, call: str) -> None:
    store = DynamoJobs(clients.dynamodb(closed_url, once=True), "jobs")
    with pytest.raises(ServiceUnavailable) as caught:
        STORE_CALLS[call](store)
    assert caught.value.details == {"service": "table"}


OTHER_CALLS: dict[str, tuple[str, Callable[[str], object]]] = {
    "keys.get": ("table", lambda url: DynamoKeys(clients.dynamodb(url, once=True), "jobs").get("h")),
    "files.put": ("bucket", lambda url: S3Files(clients.s3(url, once=True), "b").put("k", "{}")),
    "files.get": ("bucket", lambda url: S3Files(clients.s3(url, once=True), "b").get("k")),
    "files.describe": ("bucket", lambda url: S3Files(clients.s3(url, once=True), "b").describe("k")),
    "files.fetch": (
        "bucket",
        lambda url: S3Files(clients.s3(url, once=True), "b").fetch("k", Path("k"), FIVE, lambda: False),
    ),
    "workflow.start": (
        "workflow",
        lambda url: StepFunctionsWorkflow(clients.stepfunctions(url, once=True), MACHINE).start("t", "j"),
    ),
    "workflow.stop": (
        "workflow",
        lambda url: StepFunctionsWorkflow(clients.stepfunctions(url, once=True), MACHINE).stop("j", "why"),
    ),
}
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
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    for client in (aws.dynamodb(), aws.stepfunctions(), aws.s3()):
        config: Any = client.meta.config
        assert config.retries == {"mode": "standard", "total_max_attempts": 3}
        assert config.connect_timeout == 2
        assert config.read_timeout <= 15


# --- Documents in S3 ---


@pytest.fixture
def files(moto_url: str, tenant: str) -> S3Files:
    client = clients.s3(moto_url)
    client.create_bucket(Bucket=tenant)
    return S3Files(client, tenant)


def test_large_document_is_stored_in_the_bucket(files: S3Files) -> None:
    documents = Documents(files)
    value = {"text": "grün 😀" * INLINE_LIMIT_BYTES}
    stored = documents.write(a_job(), "result-1", value)
    assert stored.text is None
    assert documents.read(stored) == value


def test_deleted_object_is_not_found(files: S3Files) -> None:
    with pytest.raises(NotFound, match="expired"):
        files.get("jobs/t/j/result-1.json")


def test_presigned_url_returns_the_document_without_a_key(files: S3Files) -> None:
    text = json.dumps({"text": "x" * 100})
    files.put("jobs/t/j/result-1.json", text)
    url = files.download_url("jobs/t/j/result-1.json", expires_in_s=900)
    assert "X-Amz-Expires=900" in url
    assert "X-Amz-Signature=" in url
    answer = requests.get(url, timeout=10)
    assert (answer.status_code, answer.text) == (200, text)
    assert answer.headers["Content-Type"] == "application/json"


def test_access_denied_by_the_bucket_is_unavailable_and_no_expired_document(moto_url: str) -> None:
    with pytest.raises(ServiceUnavailable):
        S3Files(clients.s3(moto_url), "no-such-bucket").get("key")


# --- Uploads in S3 ---


def upload_of(files: S3Files, content: bytes = b"hello", declared: str = "image/png", **headers: str) -> int:
    """The status with which a PUT of an upload is answered."""
    request = files.upload_request(KEY, declared, len(content), expires_in_s=900)
    return requests.put(request.url, content, headers={**request.headers, **headers}, timeout=30).status_code


KEY = "uploads/acme/x"


def fetched(files: S3Files, path: Path, expected: StoredObject = FIVE) -> StoredObject | None:
    return files.fetch(KEY, path, expected, lambda: False)


def test_upload_url_signs_length_type_and_no_overwrite(files: S3Files) -> None:
    request = files.upload_request(KEY, "image/png", 5, expires_in_s=900)
    query = parse_qs(urlsplit(request.url).query)
    assert query["X-Amz-SignedHeaders"] == ["content-length;content-type;host;if-none-match"]
    assert query["X-Amz-Expires"] == ["900"]
    assert request.headers == {"Content-Length": "5", "Content-Type": "image/png", "If-None-Match": "*"}
    assert not [name for name in query if "checksum" in name.lower()]


@pytest.mark.parametrize(
    "content_type", ["text/plain; charset=utf-8", 'a/b; c="d;e"', "application/x-www-form-urlencoded"]
)
def test_every_type_that_may_be_declared_is_signed(files: S3Files, content_type: str) -> None:
    assert is_content_type(content_type)
    url = files.upload_request(KEY, content_type, 5, expires_in_s=900).url
    assert "content-type" in parse_qs(urlsplit(url).query)["X-Amz-SignedHeaders"][0]


@pytest.mark.parametrize("region", ["us-east-1", "eu-central-1"])
def test_a_presigned_url_names_the_endpoint_of_the_region(monkeypatch: pytest.MonkeyPatch, region: str) -> None:
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    for name, value in {"AWS_DEFAULT_REGION": region, "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "y"}.items():
        monkeypatch.setenv(name, value)
    request = S3Files(aws.s3(), "bucket").upload_request(KEY, "image/png", 5, expires_in_s=900)
    assert request.url.startswith(f"https://bucket.s3.{region}.amazonaws.com/{KEY}?")


def test_upload_can_be_put_described_and_fetched(files: S3Files, tmp_path: Path) -> None:
    assert files.describe(KEY) is None
    assert fetched(files, tmp_path / "file") is None
    assert upload_of(files) == 200
    assert files.describe(KEY) == FIVE
    assert fetched(files, tmp_path / "file") == FIVE
    assert (tmp_path / "file").read_bytes() == b"hello"


def test_an_upload_cannot_be_replaced(files: S3Files, tmp_path: Path) -> None:
    assert [upload_of(files), upload_of(files, b"other")] == [200, 412]
    fetched(files, tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == b"hello"


def test_failed_conditions_write_nothing(files: S3Files, tmp_path: Path) -> None:
    upload_of(files, b"x" * 1000)
    assert fetched(files, tmp_path / "file") == StoredObject(1000, "image/png")
    assert not (tmp_path / "file").exists()


def test_large_file_is_streamed_in_chunks(files: S3Files, tmp_path: Path) -> None:
    content = os.urandom(1024) * 40 * 1024
    upload_of(files, content)
    tracemalloc.start()
    try:
        files.fetch(KEY, tmp_path / "file", StoredObject(len(content), "image/png"), lambda: False)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (tmp_path / "file").read_bytes() == content
    assert peak_bytes < 6 * PIECE_BYTES < len(content) / 6


def test_download_stops_between_two_chunks(files: S3Files, tmp_path: Path) -> None:
    content = b"x" * 3 * PIECE_BYTES
    upload_of(files, content)
    answers = iter([False, True])
    files.fetch(KEY, tmp_path / "file", StoredObject(len(content), "image/png"), lambda: next(answers))
    assert (tmp_path / "file").stat().st_size == PIECE_BYTES


class BreaksOff(Interference):
    """The answer ends in its middle."""

    def answers(self, request: AWSPreparedRequest) -> AWSResponse:
        whole = URLLib3Session().send(request)
        half = clients._Raw(whole.content[: len(whole.content) // 2])
        headers: Any = whole.headers
        return AWSResponse(whole.url, whole.status_code, headers, HalfRaw(half))


class HalfRaw:
    """A stream that raises when it is interrupted, as urllib3's does."""

    def __init__(self, raw: Any) -> None:
        self._pieces = raw.stream()

    def read(self, _: int | None = None) -> bytes:
        for piece in self._pieces:
            return bytes(piece)
        raise ProtocolError("Connection broken: IncompleteRead")

    def close(self) -> None:
        """There is nothing to close."""


@pytest.mark.parametrize(("times", "fine"), [(1, True), (FETCH_TRIES - 1, True), (FETCH_TRIES, False)])
def test_interrupted_download_is_restarted(files: S3Files, tmp_path: Path, times: int, fine: bool) -> None:
    upload_of(files)
    with BreaksOff(files._client, "GetObject", times) as met:
        if fine:
            assert fetched(files, tmp_path / "file") == FIVE
            assert (tmp_path / "file").read_bytes() == b"hello"
        else:
            with pytest.raises(ServiceUnavailable):
                fetched(files, tmp_path / "file")
    assert met.seen == min(times + 1, FETCH_TRIES)


def test_symbolic_link_at_the_download_path_is_not_followed(files: S3Files, tmp_path: Path) -> None:
    upload_of(files)
    (tmp_path / "file").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic links"):
        fetched(files, tmp_path / "file")
    assert not (tmp_path / "elsewhere").exists()


def test_access_denied_by_the_bucket_is_no_missing_upload(moto_url: str, tmp_path: Path) -> None:
    files = S3Files(clients.s3(moto_url), "no-such-bucket")
    with pytest.raises(ServiceUnavailable):
        fetched(files, tmp_path / "file")


# --- Executions ---


@pytest.fixture
def machine(moto_url: str, tenant: str) -> "tuple[SFNClient, str]":
    """Create a state machine whose executions do not advance (moto runs none by default)."""
    client = clients.stepfunctions(moto_url)
    definition = {"StartAt": "Wait", "States": {"Wait": {"Type": "Wait", "Seconds": 60, "End": True}}}
    role = "arn:aws:iam::123456789012:role/workflow"
    made = client.create_state_machine(name=tenant, definition=json.dumps(definition), roleArn=role)
    return client, made["stateMachineArn"]


def execution(machine: "tuple[SFNClient, str]", job_id: str) -> Any:
    client, arn = machine
    return client.describe_execution(executionArn=arn.replace(":stateMachine:", ":execution:") + f":{job_id}")


def test_an_execution_is_named_after_its_job_and_gets_tenant_and_id(machine: "tuple[SFNClient, str]") -> None:
    assert StepFunctionsWorkflow(*machine).start("acme", "JOB-1") is True
    found = execution(machine, "JOB-1")
    assert (found["status"], json.loads(found["input"])) == ("RUNNING", {"tenant": "acme", "job_id": "JOB-1"})


def test_missing_state_machine_is_unavailable(machine: "tuple[SFNClient, str]") -> None:
    client, arn = machine
    with pytest.raises(ServiceUnavailable):
        StepFunctionsWorkflow(client, arn + "-2").start("acme", "JOB-1")
    with pytest.raises(ServiceUnavailable):
        StepFunctionsWorkflow(client, "no arn at all").stop("JOB-1", "cancelled by the caller")


def test_a_running_execution_is_started_once(machine: "tuple[SFNClient, str]") -> None:
    workflow = StepFunctionsWorkflow(*machine)
    assert [workflow.start("acme", "JOB-1") for _ in range(3)] == [True, True, True]
    client, arn = machine
    assert len(client.list_executions(stateMachineArn=arn)["executions"]) == 1


def test_stopped_execution_is_not_started_again(machine: "tuple[SFNClient, str]") -> None:
    workflow = StepFunctionsWorkflow(*machine)
    workflow.start("acme", "JOB-1")
    for _ in range(2):
        workflow.stop("JOB-1", "cancelled by the caller")
    assert execution(machine, "JOB-1")["status"] == "ABORTED"
    assert workflow.start("acme", "JOB-1") is False
    assert execution(machine, "JOB-1")["status"] == "ABORTED"


def test_stopping_an_unstarted_execution_does_nothing(machine: "tuple[SFNClient, str]") -> None:
    StepFunctionsWorkflow(*machine).stop("JOB-1", "cancelled by the caller")
    client, arn = machine
    assert client.list_executions(stateMachineArn=arn)["executions"] == []
