"""The events of a job over HTTP: its states, its progress, and the output of its tool."""

import time
from pathlib import Path
from typing import Any

from interlock_dev.stack.client import Client


def events(client: Client, job_id: str, after: int = 0) -> list[dict[str, Any]]:
    answer = client.call("GET", f"/v1/jobs/{job_id}/events?after={after}")
    assert answer.status == 200, answer.body
    found: list[dict[str, Any]] = answer.body["events"]
    assert answer.body["next"] == (found[-1]["seq"] if found else after)
    return found


def of_type(kind: str, found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [event for event in found if event["type"] == kind]


def test_a_short_job_has_events_for_its_states_and_output(client: Client) -> None:
    job = client.execute("talkative", "says", {"lines": ["one", "two"]}).body
    found = events(client, job["job_id"])
    assert [event["seq"] for event in found] == list(range(1, len(found) + 1))
    assert [event["status"] for event in of_type("state", found)] == ["pending", "running", "succeeded"]
    said = {(event["stream"], event["level"], event["message"]) for event in of_type("log", found)}
    assert said == {
        ("stdout", "info", "one"),
        ("stdout", "info", "two"),
        ("stderr", "warning", "to standard error"),
        ("log", "error", "to the log"),
    }
    assert [(event["fraction"], event["message"]) for event in of_type("progress", found)] == [(1.0, "said it")]
    assert found[0]["at"] == job["created_at"]
    assert found[-1]["at"] == job["completed_at"]
    assert found[-1]["type"] == "state"


def test_events_are_followed_while_the_tool_runs_without_repeats(client: Client, tmp_path: Path) -> None:
    job_id = client.submit("talkative", "waits", {"go_on": str(tmp_path / "go_on")})
    client.until(job_id, lambda _: bool(of_type("log", events(client, job_id))))
    first = events(client, job_id)
    assert of_type("log", first)[0]["message"] == "I wait"
    assert client.job(job_id)["status"] == "running"
    (tmp_path / "go_on").touch()
    client.until_final(job_id)
    rest = events(client, job_id, after=first[-1]["seq"])
    assert events(client, job_id) == [*first, *rest]
    assert of_type("log", rest)[-1]["message"] == "I went on"
    assert rest[-1]["status"] == "succeeded"


def test_cancel_appears_in_order_among_the_events(client: Client, tmp_path: Path) -> None:
    job_id = client.submit("talkative", "waits", {"go_on": str(tmp_path / "never")})
    client.until(job_id, lambda _: bool(of_type("log", events(client, job_id))))
    client.call("POST", f"/v1/jobs/{job_id}/cancel")
    client.until_final(job_id)
    found = events(client, job_id)
    assert [event["seq"] for event in found] == list(range(1, len(found) + 1))
    states = [event["status"] for event in of_type("state", found)]
    assert states == ["pending", "running", "cancelling", "cancelled"]
    assert of_type("log", found)[-1]["message"] == "I was cancelled"


def test_flood_keeps_the_last_lines_and_counts_the_others(client: Client) -> None:
    job_id = client.execute("talkative", "floods", {"lines": 100_000}).body["job_id"]
    found = events(client, job_id)
    kept = of_type("log", found)
    [dropped] = of_type("dropped", found)
    assert kept[-1]["message"] == "line 99999"
    assert [event["message"] for event in kept] == [f"line {n}" for n in range(100_000 - len(kept), 100_000)]
    assert dropped["count"] + len(kept) == 100_000
    assert str(dropped["count"]) in dropped["message"]


def test_events_contain_no_traceback_of_the_service(client: Client) -> None:
    job_id = client.execute("hostile", "raises", {}).body["error"]["job_id"]
    found = events(client, job_id)
    assert [event["status"] for event in of_type("state", found)][-1] == "failed"
    assert "Traceback" not in str(found)
    assert ".py" not in str(found)


def test_events_of_a_cancelled_job_show_whether_it_ran(client: Client) -> None:
    # A cancel right after a submit may come before or after the claim. Either way, the states are in order.
    job_id = client.submit("talkative", "says", {"lines": []})
    client.call("DELETE", f"/v1/jobs/{job_id}")
    final = client.until_final(job_id)["status"]
    states = [event["status"] for event in of_type("state", events(client, job_id))]
    assert states[0] == "pending"
    assert states[-1] == final
    assert ("running" in states) == (client.job(job_id)["attempt"] == 1)


def test_events_of_an_unknown_job_are_404(client: Client) -> None:
    answer = client.call("GET", "/v1/jobs/01J00000000000000000000000/events")
    assert (answer.status, answer.code) == (404, "not_found")


def test_traceback_is_one_record_of_the_log_with_job_and_caller(client: Client, project: Path) -> None:
    job_id = client.execute("hostile", "raises", {}).body["error"]["job_id"]
    last = f"  {job_id[-6:]} | LookupError: no such thing"
    deadline = time.monotonic() + 10
    while last not in (lines := (project / "stack.log").read_text().splitlines()):
        assert time.monotonic() < deadline, "the traceback was not logged"
        time.sleep(0.05)
    [record] = [line for line in lines if line.startswith("ERROR plugin traceback") and job_id in line]
    fields = dict(word.partition("=")[::2] for word in record.split() if "=" in word)
    assert (fields["job_id"], fields["plugin"], fields["tool"]) == (job_id, "hostile", "raises")
    assert {"tenant", "key_id", "request_id"} <= fields.keys()
    stack = lines[lines.index(record) + 1 : lines.index(last) + 1]
    assert stack[0] == f"  {job_id[-6:]} | Traceback (most recent call last):"
    assert all(line.startswith(f"  {job_id[-6:]} | ") for line in stack)
