"""Waiting for jobs and events, deadlines and reruns over HTTP."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from interlock_dev.stack.client import Client
from tests.stack.hand import Hand

WAIT = {"Prefer": "wait=20"}
WAITING = 4
"""Requests that wait at the same time: more than the environments that a stack starts with."""


def yielding(client: Client, pid_file: Path, **more: float) -> str:
    """Submit a job that runs until it is stopped."""
    return client.submit("hostile", "yields", {"pid_file": str(pid_file)}, **more)


@pytest.mark.parametrize("path", ["", "/result"])
def test_wait_ends_with_the_job(client: Client, tmp_path: Path, path: str) -> None:
    job_id = yielding(client, tmp_path / "pid")
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(client.call, "GET", f"/v1/jobs/{job_id}{path}", headers=WAIT)
        client.until(job_id, lambda job: job["status"] == "running")
        client.call("DELETE", f"/v1/jobs/{job_id}")
        answer = waiting.result()
    assert (answer.status, answer.body["status"]) == (200, "cancelled")
    assert answer.headers["Preference-Applied"] == "wait=20"


def test_events_are_followed_without_a_pause(client: Client, tmp_path: Path) -> None:
    job_id = yielding(client, tmp_path / "pid")
    seen: list[str] = []
    after = 0
    while "progress" not in seen:
        answer = client.call("GET", f"/v1/jobs/{job_id}/events?after={after}", headers=WAIT)
        assert answer.body["events"], "an answer without an event came before the wait was over"
        seen += [event["type"] for event in answer.body["events"]]
        after = answer.body["next"]
    client.call("DELETE", f"/v1/jobs/{job_id}")
    client.until_final(job_id)
    last = client.call("GET", f"/v1/jobs/{job_id}/events?after={after}", headers=WAIT)
    assert last.body["events"][-1]["status"] == "cancelled"
    began = time.monotonic()
    end = client.call("GET", f"/v1/jobs/{job_id}/events?after={last.body['next']}", headers=WAIT)
    assert end.body["events"] == []
    assert time.monotonic() - began < 10


def test_waiting_requests_do_not_keep_others_from_being_answered(client: Client, tmp_path: Path) -> None:
    """An environment serves one request at a time: the stack starts others."""
    job_id = yielding(client, tmp_path / "pid")
    with ThreadPoolExecutor(WAITING) as pool:
        waiting = [pool.submit(client.call, "GET", f"/v1/jobs/{job_id}", headers=WAIT) for _ in range(WAITING)]
        began = time.monotonic()
        for _ in range(5):
            assert client.call("GET", f"/v1/jobs/{job_id}").status == 200
        assert client.execute("hostile", "echo", {"text": "x"}).status == 200
        assert client.call("DELETE", f"/v1/jobs/{job_id}").status in {200, 202}
        assert time.monotonic() - began < 15
        assert {answer.result().body["status"] for answer in waiting} == {"cancelled"}


def test_running_job_is_stopped_at_its_deadline(client: Client, tmp_path: Path) -> None:
    job_id = yielding(client, tmp_path / "pid", deadline_s=4)
    job = client.until_final(job_id)
    assert job["status"] == "timed_out"
    assert (job["error"]["code"], job["error"]["details"]) == ("timeout", {"limit": "deadline"})
    assert job["completed_at"] > job["deadline_at"]


def test_pending_job_past_its_deadline_never_starts(client: Client, hand: Hand, tmp_path: Path) -> None:
    with hand.keeps("hold"):
        job_id = yielding(client, tmp_path / "pid", deadline_s=1)
        hand.wait_for(job_id, "held")
        job = client.until_final(job_id)
    hand.wait_for(job_id, "returned")
    assert (job["status"], job["attempt"], job["error"]["details"]) == ("timed_out", 0, {"limit": "deadline"})
    assert client.job(job_id) == job
    assert not (tmp_path / "pid").exists()


def test_job_is_run_again_with_a_changed_input(client: Client) -> None:
    first = client.submit("hostile", "echo", {"text": "first", "number": 7})
    client.until_final(first)
    body = {"input": {"text": "second"}}
    answer = client.call("POST", f"/v1/jobs/{first}/rerun", body, {"Prefer": "wait=20"})
    assert (answer.status, answer.body["result"]) == (200, {"text": "second", "number": 7})
    assert client.job(answer.body["job_id"])["rerun_of"] == first
    missing = client.call("POST", f"/v1/jobs/{first}/rerun", {"input": {"text": 7}})
    assert (missing.status, missing.code) == (400, "invalid_input")
