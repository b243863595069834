"""Cancel stubborn jobs, and jobs at critical moments.

No job is `cancelled` while its work continues: status and processes of each job are compared repeatedly.
"""

import os
import select
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from interlock_dev.stack.client import FINAL, Client
from tests.stack.rest import counted_health
from tests.volume import volume

pytestmark = pytest.mark.xdist_group("hostile-cancel")

RACES, RACERS = volume(sample=16, full=64), 4
START_LIMIT_S, END_LIMIT_S = 30, 30
POLL_S = 0.03


class Processes:
    """Handles of processes, which remain valid when a process id is reused."""

    def __init__(self, pids: list[int], handles: ExitStack) -> None:
        self._handles = [os.pidfd_open(pid) for pid in pids]
        for handle in self._handles:
            handles.callback(os.close, handle)

    def all_gone(self) -> bool:
        poll = select.poll()
        for handle in self._handles:
            poll.register(handle, select.POLLIN)
        return len(poll.poll(0)) == len(self._handles)

    def none_gone(self) -> bool:
        poll = select.poll()
        for handle in self._handles:
            poll.register(handle, select.POLLIN)
        return not poll.poll(0)


@pytest.fixture
def handles() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def running(pid_file: Path, handles: ExitStack) -> Processes:
    """Return the processes of a tool, as soon as it has reported them."""
    deadline = time.monotonic() + START_LIMIT_S
    while not pid_file.exists():
        assert time.monotonic() < deadline, "the tool did not start"
        time.sleep(0.005)
    return Processes([int(pid) for pid in pid_file.read_text().split()], handles)


def watched_to_its_end(client: Client, job_id: str, processes: Processes) -> dict[str, Any]:
    """Poll the job; its processes must have ended when the API first reports the cancel."""
    deadline = time.monotonic() + END_LIMIT_S
    while (job := client.job(job_id))["status"] not in FINAL:
        assert time.monotonic() < deadline, job
        time.sleep(POLL_S)
    if job["status"] == "cancelled":
        assert processes.all_gone()
    return job


@pytest.mark.parametrize(
    ("tool", "outcome"),
    [
        ("in_native_code", "killed"),
        # The tool itself ends when it is asked to; its child, which ignores that, is ended with it.
        ("in_a_child", "stopped"),
        ("in_native_code_of_a_child", "killed"),
    ],
)
def test_stubborn_job_is_cancelled_once_all_its_processes_have_ended(
    client: Client, tmp_path: Path, handles: ExitStack, tool: str, outcome: str
) -> None:
    job_id = client.submit("lingering", tool, {"path": str(tmp_path / "pid")})
    processes = running(tmp_path / "pid", handles)
    client.until(job_id, lambda job: job["status"] == "running")
    assert processes.none_gone()
    answer = client.call("POST", f"/v1/jobs/{job_id}/cancel", {"reason": "stop it"})
    assert (answer.status, answer.body["status"]) == (202, "cancelling")

    job = watched_to_its_end(client, job_id, processes)
    assert (job["status"], job["attempt"]) == ("cancelled", 1)
    assert (job["cancel"]["outcome"], job["cancel"]["reason"]) == (outcome, "stop it")
    assert client.execute("lingering", "echo", {"way": "next"}).body["result"]["text"] == "next"


def test_a_job_is_cancelled_while_its_plugin_is_being_loaded(client: Client) -> None:
    job_id = client.submit("setup_hangs", "echo", {})
    client.until(job_id, lambda job: job["status"] == "running")
    assert client.call("POST", f"/v1/jobs/{job_id}/cancel").status == 202
    job = client.until_final(job_id)
    assert (job["status"], job["cancel"]["outcome"]) == ("cancelled", "stopped")


def test_a_cancel_at_the_instant_of_finishing_has_one_outcome(client: Client, tmp_path: Path) -> None:
    """End the tool just before, during and just after the cancel reaches it, which takes up to a second."""
    before = counts(client)
    with ThreadPoolExecutor(RACERS) as pool:
        ends = list(pool.map(lambda number: race(client, tmp_path / str(number), number), range(RACES)))
    after = counts(client)
    assert {"succeeded", "cancelled"} <= set(ends), "neither side ever won"
    assert {name: after[name] - before[name] for name in after} == {
        "success_count": ends.count("succeeded"),
        "cancelled_count": ends.count("cancelled"),
        "error_count": 0,
        "timed_out_count": 0,
    }


def race(client: Client, pid_file: Path, number: int) -> str:
    """Run one race, assert that all responses agree with the job's final status, and return it."""
    with ExitStack() as handles:
        job_id = client.submit("lingering", "until_told", {"path": str(pid_file)})
        processes = running(pid_file, handles)
        client.until(job_id, lambda job: job["status"] == "running")
        end = Path(f"{pid_file}.end")
        answer = told_to_end(client, job_id, end, number)
        job = watched_to_its_end(client, job_id, processes)
        end.touch()

    if answer.status == 409:
        assert answer.body["error"]["details"] == {"status": "succeeded"}
        assert (job["status"], job["cancel"]) == ("succeeded", None)
    else:
        assert (answer.status, answer.body["status"]) == (202, "cancelling")
        assert (job["status"], job["cancel"]["outcome"]) in {("cancelled", "stopped"), ("succeeded", "too_late")}
    result = client.call("GET", f"/v1/jobs/{job_id}/result").body
    assert (result["result"] is not None, result["error"] is None) == ((job["status"] == "succeeded"),) * 2
    again = client.call("POST", f"/v1/jobs/{job_id}/cancel")
    assert again.status == (200 if job["status"] == "cancelled" else 409)
    assert client.job(job_id) == job
    status: str = job["status"]
    return status


def told_to_end(client: Client, job_id: str, end: Path, number: int) -> Any:
    """Cancel the job. Let the tool end before that, after it with a delay in steps of 50 ms, or never."""
    if number % 4 == 0:
        end.touch()
    answer = client.call("POST", f"/v1/jobs/{job_id}/cancel")
    if number % 4 in {1, 2}:
        time.sleep(0.05 * (number // 2))
        end.touch()
    return answer


def counts(client: Client) -> dict[str, int]:
    health = counted_health(client, "lingering")
    return {name: health[name] for name in ("success_count", "cancelled_count", "error_count", "timed_out_count")}
