"""Executing over HTTP: results, and an exact code for each way in which a plugin fails."""

import base64
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from interlock_dev.stack.client import Client
from tests.stack.rest import counted_health

IMAGES = Path(__file__).parents[1] / "images"


def image(name: str = "page.png") -> str:
    return base64.b64encode((IMAGES / name).read_bytes()).decode()


def test_a_scanned_page_is_read(client: Client) -> None:
    answer = client.execute("ocr", "analyze", {"image": image(), "mime_type": "image/png"}, timeout_s=20)
    assert answer.status == 200
    assert answer.body["status"] == "succeeded"
    assert "determine markers of the coins" in answer.body["result"]["text"]
    assert answer.body["execution_time_ms"] > 0


def test_without_a_tool_the_first_of_the_manifest_runs(client: Client) -> None:
    answer = client.execute("image", None, {"image": image("astronaut.png")})
    first = client.call("GET", "/v1/plugins/image").body["tools"][0]["name"]
    assert (answer.status, answer.body["tool"]) == (200, first)


@pytest.mark.parametrize(
    ("tool", "code", "details"),
    [
        ("raises", "plugin_exception", {"exception": "LookupError"}),
        ("refuses_input", "invalid_input", {"errors": [{"path": "/text", "message": "is not what I want"}]}),
        ("os_exit", "plugin_crashed", {"exit_code": 3}),
        ("null_pointer", "plugin_crashed", {"signal": 11}),
        ("sleeps_past_its_limit", "timeout", {"timeout_s": 1.0, "limit": "timeout_s"}),
    ],
)
def test_a_failure_has_its_code_and_the_next_call_works(
    client: Client, tool: str, code: str, details: dict[str, Any]
) -> None:
    answer = client.execute("hostile", tool, {"text": "x"})
    assert (answer.status, answer.code) == (400, code)
    error = answer.body["error"]
    assert error["details"] == details
    assert (error["plugin"], error["tool"]) == ("hostile", tool)

    job = client.job(error["job_id"])
    assert job["status"] == ("timed_out" if code == "timeout" else "failed")
    assert job["error"]["code"] == code

    after = client.execute("hostile", "echo", {"text": "still here"})
    assert (after.status, after.body["result"]["text"]) == (200, "still here")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"plugin": "nope", "input": {}}, "unknown_plugin"),
        ({"plugin": "hostile", "tool": "nope", "input": {}}, "unknown_tool"),
        ({"plugin": "hostile", "tool": "echo", "input": {"text": 1}}, "invalid_input"),
        ({"plugin": "hostile", "tool": "echo", "input": {}, "extra": 1}, "invalid_request"),
        ({"plugin": "hostile", "tool": "echo"}, "invalid_request"),
    ],
)
@pytest.mark.parametrize("headers", [{}, {"Prefer": "respond-async"}], ids=["sync", "async"])
def test_refused_requests_create_no_job(
    client: Client, body: dict[str, Any], code: str, headers: dict[str, str]
) -> None:
    before = client.call("GET", "/v1/jobs?limit=1").body["jobs"]
    answer = client.call("POST", "/v1/execute", body, headers)
    assert (answer.status, answer.code) == (400, code)
    assert answer.body["error"]["job_id"] is None
    assert client.call("GET", "/v1/jobs?limit=1").body["jobs"] == before


def test_large_input_and_large_result_arrive_complete(client: Client) -> None:
    text = "x" * 1_000_000
    job_id = client.submit("hostile", "echo", {"text": text})
    assert client.until_final(job_id)["status"] == "succeeded"
    assert client.call("GET", f"/v1/jobs/{job_id}/result").body["result"]["text"] == text


def test_fifty_concurrent_jobs_succeed_with_exact_counters(client: Client) -> None:
    before = counted_health(client, "block_mapper")["success_count"]
    asked = {"image": image("astronaut.png"), "width": 8}
    with ThreadPoolExecutor(16) as pool:
        ids = list(pool.map(lambda _: client.submit("block_mapper", "analyze", asked), range(50)))
        jobs = list(pool.map(lambda job_id: client.until_final(job_id, within_s=110), ids))
    assert len(set(ids)) == 50
    assert [job["status"] for job in jobs] == ["succeeded"] * 50
    assert [job["attempt"] for job in jobs] == [1] * 50
    assert counted_health(client, "block_mapper")["success_count"] - before == 50


def test_one_idempotency_key_runs_once_for_many_callers(client: Client) -> None:
    key = {"Idempotency-Key": "one and the same"}
    body = {"plugin": "hostile", "tool": "echo", "input": {"text": "once"}}
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: client.call("POST", "/v1/execute", body, key), range(8)))
    assert {answer.status for answer in answers} == {200}
    assert len({answer.body["job_id"] for answer in answers}) == 1
    replayed = [answer.headers.get("Idempotency-Replayed") for answer in answers]
    assert sorted(replayed, key=str) == [None] + ["true"] * 7
    other = client.call("POST", "/v1/execute", {**body, "input": {"text": "twice"}}, key)
    assert (other.status, other.code) == (422, "idempotency_mismatch")
