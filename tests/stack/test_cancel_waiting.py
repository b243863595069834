"""Cancelling pending jobs over HTTP: the tool never runs, and the workflow execution ends."""

import time
from pathlib import Path
from typing import Any

import pytest

from interlock_dev.stack.client import Client
from tests.stack.hand import Hand

pytestmark = pytest.mark.xdist_group("cancel-waiting")

RETRY_S = 2.0
"""The longest time before the workflow's first retry of the task: the interval of its definition, which jitter only
shortens."""


def submitted(client: Client, pid_file: Path) -> str:
    return client.submit("hostile", "yields", {"pid_file": str(pid_file)})


def cancelled(client: Client, job_id: str) -> dict[str, Any]:
    """Cancel a pending job and return the cancelled job."""
    assert client.job(job_id)["status"] == "pending"
    answer = client.call("POST", f"/v1/jobs/{job_id}/cancel", {"reason": "not needed"})
    assert (answer.status, answer.body["status"]) == (200, "cancelled")
    assert answer.body["cancel"]["outcome"] == "prevented"
    assert answer.body["cancel"]["reason"] == "not needed"
    assert (answer.body["attempt"], answer.body["started_at"]) == (0, None)
    return answer.body


def test_a_pending_job_is_cancelled_at_once_and_never_starts(client: Client, hand: Hand, tmp_path: Path) -> None:
    """The task waits for an environment of its function. When it runs, it finds the job cancelled."""
    with hand.keeps("hold"):
        job_id = submitted(client, tmp_path / "pid")
        hand.wait_for(job_id, "held")
        job = cancelled(client, job_id)
        assert hand.execution_status(job_id) == "ABORTED"
    hand.wait_for(job_id, "returned")
    assert client.job(job_id) == job
    assert not (tmp_path / "pid").exists()
    again = client.call("POST", f"/v1/jobs/{job_id}/cancel")
    assert (again.status, again.body) == (200, job)


def test_job_waiting_for_a_retry_is_cancelled_and_not_retried(client: Client, hand: Hand, tmp_path: Path) -> None:
    with hand.keeps("refuse"):
        job_id = submitted(client, tmp_path / "pid")
        hand.wait_for(job_id, "refused")
        job = cancelled(client, job_id)
        assert hand.execution_status(job_id) == "ABORTED"
        seen = hand.seen(job_id)
    time.sleep(RETRY_S)  # a retry would come by then, and would not be throttled
    assert hand.seen(job_id) == seen
    assert client.job(job_id) == job
    assert not (tmp_path / "pid").exists()


def test_job_with_a_throttled_task_is_retried(client: Client, hand: Hand) -> None:
    """There is a wait before the retry, in which a job can be cancelled. A throttled task has not claimed the job, so
    it is not an attempt."""
    with hand.keeps("refuse"):
        job_id = client.submit("hostile", "echo", {"text": "at last"})
        hand.wait_for(job_id, "refused")
    job = client.until_final(job_id)
    assert (job["status"], job["attempt"]) == ("succeeded", 1)
