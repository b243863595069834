"""Asynchronous jobs over HTTP: submit, wait, poll, result, list."""

from pathlib import Path

import pytest

from interlock_dev.stack.client import Answer, Client

ASYNC = {"Prefer": "respond-async"}


def submit(client: Client, tool: str, input: dict[str, object], prefer: str) -> Answer:
    body = {"plugin": "hostile", "tool": tool, "input": input}
    return client.call("POST", "/v1/execute", body, {"Prefer": prefer})


def test_a_submitted_job_is_pending_with_its_location(client: Client) -> None:
    answer = submit(client, "echo", {"text": "later"}, "respond-async")
    job_id = answer.body["job_id"]
    assert (answer.status, answer.body["status"]) == (202, "pending")
    assert answer.headers["Location"] == f"/v1/jobs/{job_id}"
    assert answer.headers["Preference-Applied"] == "respond-async"
    assert client.until_final(job_id)["status"] == "succeeded"
    result = client.call("GET", f"/v1/jobs/{job_id}/result")
    assert (result.status, result.body["result"]["text"], result.body["error"]) == (200, "later", None)


def test_waiting_returns_the_result_of_a_job_that_finishes_in_time(client: Client) -> None:
    answer = submit(client, "echo", {"text": "soon"}, "respond-async, wait=20")
    assert (answer.status, answer.body["result"]["text"]) == (200, "soon")


def test_waiting_returns_the_envelope_of_a_job_that_fails_in_time(client: Client) -> None:
    answer = submit(client, "raises", {}, "respond-async, wait=20")
    assert (answer.status, answer.code) == (400, "plugin_exception")
    assert client.job(answer.body["error"]["job_id"])["status"] == "failed"


def test_waiting_ends_with_202_when_the_job_does_not(client: Client, tmp_path: Path) -> None:
    answer = submit(client, "yields", {"pid_file": str(tmp_path / "pid")}, "respond-async, wait=1")
    assert answer.status == 202
    assert answer.body["status"] in {"pending", "running"}
    job_id = answer.body["job_id"]
    early = client.call("GET", f"/v1/jobs/{job_id}/result")
    assert (early.status, early.code) == (409, "not_finished")
    assert int(early.headers["Retry-After"]) >= 1
    client.call("DELETE", f"/v1/jobs/{job_id}")
    assert client.until_final(job_id)["status"] == "cancelled"


@pytest.mark.parametrize("wait", ["21", "-1", "soon", "1.5"])
def test_invalid_wait_preference_is_refused(client: Client, wait: str) -> None:
    answer = submit(client, "echo", {}, f"respond-async, wait={wait}")
    assert (answer.status, answer.code) == (400, "invalid_request")


def test_progress_is_reported_while_the_tool_runs(client: Client, tmp_path: Path) -> None:
    job_id = client.submit("hostile", "yields", {"pid_file": str(tmp_path / "pid")})
    job = client.until(job_id, lambda job: bool(job["progress"]))
    assert 0 <= job["progress"]["fraction"] < 1
    assert job["progress"]["message"].startswith("step ")
    assert job["status"] == "running"
    client.call("DELETE", f"/v1/jobs/{job_id}")
    client.until_final(job_id)


def test_pages_show_each_job_once_also_while_new_ones_arrive(client: Client) -> None:
    ids = [client.execute("hostile", "echo", {"text": str(n)}).body["job_id"] for n in range(7)]
    seen: list[str] = []
    path = "/v1/jobs?plugin=hostile&tool=echo&status=done&limit=3"
    cursor: str | None = ""
    while cursor is not None:
        page = client.call("GET", path + (f"&cursor={cursor}" if cursor else "")).body
        assert page["count"] == len(page["jobs"]) <= 3
        seen += [job["job_id"] for job in page["jobs"]]
        cursor = page["next_cursor"]
        client.execute("hostile", "echo", {"text": "new"})
        if len(seen) > 500:
            raise AssertionError("the pages do not end")
    assert len(seen) == len(set(seen))
    assert set(ids) <= set(seen)
    assert seen == sorted(seen, reverse=True)
