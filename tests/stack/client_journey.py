"""Drive the service with a client that was generated from its document: `client_journey.py URL KEY`.

`test_generated_client.py` runs it in the environment of the generated client, without Interlock's own packages.
"""

import sys
import time
from datetime import timedelta
from http import HTTPStatus

from generated_client import AuthenticatedClient
from generated_client.api.execute import execute
from generated_client.api.jobs import cancel_job, delete_job, get_events, get_job, get_result, list_jobs, rerun_job
from generated_client.api.plugins import get_plugin, get_plugin_health, list_plugins
from generated_client.api.service import get_health
from generated_client.models import (
    Cancel,
    CancelRequest,
    Error,
    ErrorCode,
    ErrorEnvelope,
    ErrorType,
    EventList,
    ExecuteRequest,
    ExecuteRequestInput,
    FinishedJob,
    Job,
    JobList,
    JobResult,
    JobResultStatus,
    JobStatus,
    LifecycleState,
    PluginHealth,
    PluginList,
    PluginManifest,
    RerunRequest,
    ServiceHealth,
    StateEvent,
)

POLL_S = 0.1
WITHIN_S = 30
FINAL = {JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.TIMED_OUT, JobStatus.CANCELLED}


def request(tool: str, **input: object) -> ExecuteRequest:
    return ExecuteRequest(plugin="specimen", tool=tool, input_=ExecuteRequestInput.from_dict(input))


def submitted(client: AuthenticatedClient, body: ExecuteRequest, key: str) -> Job:
    answer = execute.sync_detailed(client=client, body=body, prefer="respond-async", idempotency_key=key)
    assert answer.status_code is HTTPStatus.ACCEPTED
    assert isinstance(answer.parsed, Job)
    assert answer.headers["Location"] == f"/v1/jobs/{answer.parsed.job_id}"
    assert answer.headers["Preference-Applied"] == "respond-async"
    return answer.parsed


def read(client: AuthenticatedClient, job_id: str) -> Job:
    job = get_job.sync(job_id, client=client)
    assert isinstance(job, Job)
    return job


def until(client: AuthenticatedClient, job_id: str, *wanted: JobStatus) -> Job:
    deadline = time.monotonic() + WITHIN_S
    while (job := read(client, job_id)).status not in wanted:
        assert time.monotonic() < deadline, job
        time.sleep(0.05)
    return job


def runs_now(client: AuthenticatedClient) -> None:
    done = execute.sync(client=client, body=request("echo", text="hello"))
    assert isinstance(done, FinishedJob)
    assert (done.status, done.result) == ("succeeded", {"text": "hello"})
    assert done.created_at <= done.started_at <= done.completed_at
    assert done.completed_at.utcoffset() == timedelta(0)
    assert done.execution_time_ms >= 0


def fails(client: AuthenticatedClient) -> None:
    refused = execute.sync(client=client, body=request("fail"))
    assert isinstance(refused, ErrorEnvelope)
    assert (refused.error.type_, refused.error.code) == (ErrorType.PLUGINERROR, ErrorCode.PLUGIN_EXCEPTION)
    assert refused.error.details.exception == "LookupError"
    assert isinstance(refused.error.job_id, str)
    failed = get_result.sync(refused.error.job_id, client=client)
    assert isinstance(failed, JobResult)
    assert isinstance(failed.error, Error)
    assert (failed.status, failed.result, failed.error.code) == (JobResultStatus.FAILED, None, refused.error.code)

    misfit = execute.sync(client=client, body=request("echo", text=7))
    assert isinstance(misfit, ErrorEnvelope)
    assert misfit.error.code is ErrorCode.INVALID_INPUT
    assert [problem.path for problem in misfit.error.details.errors] == ["/text"]


def is_submitted_polled_and_read(client: AuthenticatedClient) -> None:
    job = submitted(client, request("wait", seconds=1), "poll")
    early = get_result.sync_detailed(job.job_id, client=client)
    assert early.status_code is HTTPStatus.CONFLICT
    assert isinstance(early.parsed, ErrorEnvelope)
    assert early.parsed.error.code is ErrorCode.NOT_FINISHED
    assert early.parsed.error.details.status in set(JobStatus) - FINAL
    assert int(early.headers["Retry-After"]) >= 1

    done = until(client, job.job_id, *FINAL)
    assert (done.status, done.attempt, done.error, done.cancel) == (JobStatus.SUCCEEDED, 1, None, None)
    result = get_result.sync(job.job_id, client=client)
    assert isinstance(result, JobResult)
    assert (result.status, result.result, result.error) == (JobResultStatus.SUCCEEDED, {"text": "done"}, None)

    happened = get_events.sync(job.job_id, client=client)
    assert isinstance(happened, EventList)
    states = [event.status for event in happened.events if isinstance(event, StateEvent)]
    assert states == [JobStatus.PENDING, JobStatus.RUNNING, JobStatus.SUCCEEDED]
    assert happened.next_ == happened.events[-1].seq

    again = execute.sync_detailed(client=client, body=request("wait", seconds=1), idempotency_key="poll")
    assert isinstance(again.parsed, FinishedJob)
    assert (again.parsed.job_id, again.headers["Idempotency-Replayed"]) == (job.job_id, "true")
    other = execute.sync_detailed(client=client, body=request("wait", seconds=0), idempotency_key="poll")
    assert other.status_code is HTTPStatus.UNPROCESSABLE_ENTITY


def is_run_again(client: AuthenticatedClient) -> None:
    first = submitted(client, request("echo", text="first"), "rerun")
    waited = get_job.sync_detailed(first.job_id, client=client, prefer="wait=20")
    assert isinstance(waited.parsed, Job)
    assert (waited.parsed.status, waited.headers["Preference-Applied"]) == (JobStatus.SUCCEEDED, "wait=20")
    changes = RerunRequest.from_dict({"input": {"text": "second"}, "deadline_s": 60})
    again = rerun_job.sync_detailed(first.job_id, client=client, body=changes)
    assert again.status_code is HTTPStatus.ACCEPTED
    assert isinstance(again.parsed, Job)
    assert again.parsed.rerun_of == first.job_id
    result = get_result.sync(again.parsed.job_id, client=client, prefer="wait=20")
    assert isinstance(result, JobResult)
    assert result.result == {"text": "second"}


def is_cancelled(client: AuthenticatedClient) -> None:
    job = submitted(client, request("wait", seconds=20), "cancel")
    until(client, job.job_id, JobStatus.RUNNING)
    stopping = cancel_job.sync_detailed(job.job_id, client=client, body=CancelRequest(reason="no longer needed"))
    assert stopping.status_code is HTTPStatus.ACCEPTED
    assert isinstance(stopping.parsed, Job)
    assert stopping.parsed.status is JobStatus.CANCELLING
    stopped = until(client, job.job_id, *FINAL)
    assert stopped.status is JobStatus.CANCELLED
    assert isinstance(stopped.cancel, Cancel)
    assert (stopped.cancel.reason, stopped.cancel.outcome) == ("no longer needed", "stopped")
    twice = delete_job.sync_detailed(job.job_id, client=client, body=CancelRequest())
    assert twice.status_code is HTTPStatus.OK
    result = get_result.sync(job.job_id, client=client)
    assert isinstance(result, JobResult)
    assert (result.status, result.error and result.error.code) == (JobResultStatus.CANCELLED, ErrorCode.CANCELLED)


def is_listed(client: AuthenticatedClient) -> None:
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = list_jobs.sync(client=client, plugin="specimen", limit=2, **({"cursor": cursor} if cursor else {}))
        assert isinstance(page, JobList)
        assert len(page.jobs) == page.count
        seen += [job.job_id for job in page.jobs]
        cursor = page.next_cursor
    assert len(seen) == len(set(seen)) == 6
    assert seen == sorted(seen, reverse=True)


def counted_health(client: AuthenticatedClient, finished: int) -> PluginHealth:
    """Wait until the counters include so many finished jobs, and return the plugin's health."""
    deadline = time.monotonic() + WITHIN_S
    while True:
        health = get_plugin_health.sync("specimen", client=client)
        assert isinstance(health, PluginHealth)
        counts = health.success_count, health.error_count, health.cancelled_count, health.timed_out_count
        if sum(counts) == finished:
            return health
        assert time.monotonic() < deadline, counts
        time.sleep(POLL_S)


def its_plugins(client: AuthenticatedClient) -> None:
    plugins = list_plugins.sync(client=client)
    assert isinstance(plugins, PluginList)
    assert {plugin.name for plugin in plugins.plugins} >= {"specimen", "ocr"}
    manifest = get_plugin.sync("specimen", client=client)
    assert isinstance(manifest, PluginManifest)
    assert [tool.name for tool in manifest.tools] == ["echo", "wait", "fail", "crash"]
    assert manifest.tools[0].input_schema["properties"]["text"]["type"] == "string"
    health = counted_health(client, 6)
    assert health.state in {LifecycleState.INITIALIZED, LifecycleState.FAILED}
    assert (health.success_count, health.error_count, health.cancelled_count) == (4, 1, 1)
    assert health.tools["wait"].success_count == 1


def knows_who_is_calling(client: AuthenticatedClient, url: str) -> None:
    health = get_health.sync(client=client)
    assert isinstance(health, ServiceHealth)
    stranger = AuthenticatedClient(url, "no-key", prefix="", auth_header_name="X-API-Key")
    refused = list_jobs.sync_detailed(client=stranger)
    assert refused.status_code is HTTPStatus.UNAUTHORIZED
    assert isinstance(refused.parsed, ErrorEnvelope)
    assert refused.parsed.error.code is ErrorCode.UNAUTHORIZED


def main(url: str, key: str) -> None:
    # Raise for responses that the OpenAPI document does not describe.
    client = AuthenticatedClient(
        url, key, prefix="", auth_header_name="X-API-Key", raise_on_unexpected_status=True, timeout=WITHIN_S
    )
    knows_who_is_calling(client, url)
    runs_now(client)
    fails(client)
    is_submitted_polled_and_read(client)
    is_run_again(client)
    is_cancelled(client)
    is_listed(client)
    its_plugins(client)
    sys.stdout.write("all as documented\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
