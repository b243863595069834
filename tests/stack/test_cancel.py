"""Cancelling over HTTP: `cancelled` means that the work has stopped, which the process ids show."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from interlock_dev.stack.client import Client


def running_pids(pid_file: Path, within_s: float = 30) -> list[int]:
    """Return the process ids that the tool has reported."""
    deadline = time.monotonic() + within_s
    while not pid_file.exists():
        assert time.monotonic() < deadline, "the tool did not start"
        time.sleep(0.02)
    return [int(pid) for pid in pid_file.read_text().split()]


def gone(pid: int) -> bool:
    """Return whether a process has ended. It may not have been reaped yet."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


@pytest.mark.parametrize(
    ("tool", "outcome"), [("yields", "stopped"), ("stubborn", "killed"), ("has_children", "stopped")]
)
def test_running_job_is_cancelled_once_its_processes_have_ended(
    client: Client, tmp_path: Path, tool: str, outcome: str
) -> None:
    job_id = client.submit("hostile", tool, {"pid_file": str(tmp_path / "pid")})
    pids = running_pids(tmp_path / "pid")
    assert client.until(job_id, lambda job: job["status"] != "pending")["status"] == "running"
    assert not any(map(gone, pids))

    answer = client.call("POST", f"/v1/jobs/{job_id}/cancel", {"reason": "enough"})
    assert (answer.status, answer.body["status"]) == (202, "cancelling")
    again = client.call("DELETE", f"/v1/jobs/{job_id}")
    assert again.status in {200, 202}

    job = client.until_final(job_id)
    assert all(map(gone, pids))
    assert job["status"] == "cancelled"
    assert (job["cancel"]["outcome"], job["cancel"]["reason"]) == (outcome, "enough")
    result = client.call("GET", f"/v1/jobs/{job_id}/result").body
    assert (result["result"], result["error"]["code"]) == (None, "cancelled")
    assert client.call("POST", f"/v1/jobs/{job_id}/cancel").status == 200


@pytest.mark.parametrize(("tool", "outcome"), [("yields", "stopped"), ("stubborn", "killed")])
def test_a_synchronous_job_can_be_cancelled_as_well(client: Client, tmp_path: Path, tool: str, outcome: str) -> None:
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(client.execute, "hostile", tool, {"pid_file": str(tmp_path / "pid")})
        (pid,) = running_pids(tmp_path / "pid")
        # The claim is written while the tool starts, so the job may be listed a little later.
        running = f"/v1/jobs?plugin=hostile&tool={tool}&status=running"
        while not (jobs := client.call("GET", running).body["jobs"]):
            assert not call.done(), call.result().body
        (job,) = jobs
        assert client.call("DELETE", f"/v1/jobs/{job['job_id']}").status == 202
        answer = call.result()
    assert gone(pid)
    assert (answer.status, answer.code) == (400, "cancelled")
    assert client.job(job["job_id"])["cancel"]["outcome"] == outcome


def test_a_finished_job_cannot_be_cancelled(client: Client) -> None:
    job_id = client.execute("hostile", "echo", {"text": "done"}).body["job_id"]
    answer = client.call("POST", f"/v1/jobs/{job_id}/cancel")
    assert (answer.status, answer.code) == (409, "already_finished")
    assert answer.body["error"]["details"] == {"status": "succeeded"}


def test_an_unknown_job_cannot_be_cancelled(client: Client) -> None:
    answer = client.call("POST", "/v1/jobs/01ARZ3NDEKTSV4RRFFQ69G5FAV/cancel")
    assert (answer.status, answer.code) == (404, "not_found")
