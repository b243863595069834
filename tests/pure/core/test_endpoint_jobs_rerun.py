"""`POST /v1/jobs/{id}/rerun`, to the letter of the HTTP contract."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from interlock.domain.file_formats import FILE_SCHEMA
from interlock.domain.upload_id import UPLOAD_LIFETIME, Upload
from interlock.jobs import execute
from tests.fakes.envelope import refused
from tests.fakes.plugins import a_plugin, a_tool
from tests.fakes.world import Answer, World
from tests.pure.core.endpoint_jobs import JOB, UNKNOWN

LANGUAGES = {
    "type": "object",
    "properties": {"text": {"type": "string"}, "language": {"enum": ["eng", "deu"]}, "options": {"type": "object"}},
    "required": ["text"],
    "additionalProperties": False,
}


@pytest.fixture
def world(world_of: Callable[..., World]) -> World:
    """A world whose tools take several fields. The first tool is not the one that the tests run again."""
    say = a_tool("say", input_schema=LANGUAGES, output_schema=LANGUAGES, timeout_s=60.0)
    return world_of(a_plugin("echo", a_tool("first"), say))


def rerun(world: World, job_id: str, body: Any = None, *, key: str | None = None, **how: Any) -> Answer:
    headers = {"Idempotency-Key": key} if key else {}
    headers |= {"Prefer": how.pop("prefer")} if "prefer" in how else {}
    return world.request("POST", f"/v1/jobs/{job_id}/rerun", body, headers=headers, **how)


def original(world: World, **input: Any) -> str:
    return world.submit(tool="say", input={"text": "hello", "language": "eng"} | input)


def input_of(world: World, answer: Answer) -> Any:
    """Run the new job and return the input that its tool received."""
    assert answer.status == 202, answer.body
    world.run_submitted(answer.body["job_id"])
    return world.sandbox.runs[-1].request["input"]


def test_rerun_returns_202_with_a_pending_job_of_the_same_tool(world: World) -> None:
    first = original(world)
    world.run_submitted(first)
    answer = rerun(world, first)
    assert answer.status == 202
    job = answer.body
    assert set(job) == JOB
    assert (job["status"], job["plugin"], job["tool"], job["rerun_of"]) == ("pending", "echo", "say", first)
    assert job["job_id"] != first
    assert answer.headers["Location"] == f"/v1/jobs/{job['job_id']}"
    assert int(answer.headers["Retry-After"]) >= 1
    assert world.workflow.running[job["job_id"]] == "acme"
    assert world.request("GET", f"/v1/jobs/{job['job_id']}").body == job
    assert world.request("GET", f"/v1/jobs/{first}").body["rerun_of"] is None
    assert input_of(world, answer) == {"text": "hello", "language": "eng"}


@pytest.mark.parametrize(
    ("patch", "expected"),
    [
        ({}, {"text": "hello", "language": "eng", "options": {"a": 1, "b": 2}}),
        ({"language": "deu"}, {"text": "hello", "language": "deu", "options": {"a": 1, "b": 2}}),
        ({"language": None}, {"text": "hello", "options": {"a": 1, "b": 2}}),
        ({"options": {"a": None, "c": 3}}, {"text": "hello", "language": "eng", "options": {"b": 2, "c": 3}}),
        (None, {"text": "hello", "language": "eng", "options": {"a": 1, "b": 2}}),
    ],
)
def test_input_is_merged_over_the_stored_one(world: World, patch: Any, expected: Any) -> None:
    first = original(world, options={"a": 1, "b": 2})
    assert input_of(world, rerun(world, first, {"input": patch})) == expected


def test_input_in_the_bucket_is_merged_too(world: World) -> None:
    first = original(world, text="x" * 20_000)
    assert len(world.objects.texts) == 1
    found = input_of(world, rerun(world, first, {"input": {"language": "deu"}}))
    assert found == {"text": "x" * 20_000, "language": "deu"}


@pytest.mark.parametrize(
    ("patch", "path"), [({"language": "fra"}, "/language"), ({"text": None}, "/text"), ({"color": "red"}, "/color")]
)
def test_merged_input_that_does_not_fit_is_400_and_creates_no_job(world: World, patch: Any, path: str) -> None:
    first = original(world)
    error = refused(rerun(world, first, {"input": patch}), 400, "invalid_input", "ValidationError")
    assert [one["path"] for one in error["details"]["errors"]] == [path]
    assert (error["plugin"], error["tool"]) == ("echo", "say")
    assert [job.job_id for job in world.jobs.all_jobs] == [first]


def test_unfinished_job_can_be_run_again(world: World) -> None:
    assert rerun(world, original(world)).status == 202


def test_limits_of_the_first_job_are_not_taken_over(world: World) -> None:
    first = world.submit(tool="say", input={"text": "hello"}, timeout_s=5, deadline_s=60)
    job = rerun(world, first).body
    assert (job["timeout_s"], job["deadline_at"]) == (60.0, None)
    job = rerun(world, first, {"timeout_s": 7, "deadline_s": 90}).body
    assert (job["timeout_s"], job["deadline_at"]) == (7.0, "2026-11-22T12:01:30.000Z")


def test_rerun_of_a_rerun_names_the_job_that_it_repeats(world: World) -> None:
    second = rerun(world, original(world), {"input": {"language": "deu"}}).body["job_id"]
    answer = rerun(world, second)
    assert answer.body["rerun_of"] == second
    assert input_of(world, answer)["language"] == "deu"


def test_expired_input_is_409(world: World) -> None:
    first = original(world, text="x" * 20_000)
    world.objects.texts.clear()
    error = refused(rerun(world, first), 409, "expired", "ConflictError")
    assert "has expired" in error["message"]
    assert (error["plugin"], error["tool"], error["job_id"], error["retryable"]) == ("echo", "say", first, False)


def test_job_that_ran_synchronously_can_be_run_again_with_a_small_input(world: World) -> None:
    first = world.execute({"text": "hello"}, tool="say").body["job_id"]
    assert input_of(world, rerun(world, first, {"input": {"language": "deu"}})) == {"text": "hello", "language": "deu"}


@pytest.mark.parametrize(("size", "status"), [(245, 202), (246, 409), (2000, 409)])
def test_synchronous_job_keeps_an_input_of_256_bytes(world: World, size: int, status: int) -> None:
    first = world.execute({"text": "x" * size}, tool="say").body["job_id"]
    assert rerun(world, first).status == status


def test_large_input_of_a_job_that_ran_synchronously_is_not_stored(world: World) -> None:
    first = world.execute({"text": "x" * 300}, tool="say").body["job_id"]
    error = refused(rerun(world, first, {"input": {"text": "x"}}), 409, "expired", "ConflictError")
    assert "synchronously" in error["message"]


def test_merged_input_over_the_limit_of_a_request_is_413(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    first = original(world)
    monkeypatch.setattr(execute, "MAX_REQUEST_BYTES", 100)
    error = refused(rerun(world, first, {"input": {"text": "x" * 100}}), 413, "payload_too_large", "PayloadError")
    assert "/v1/uploads" in error["message"]


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"tool": "first"}, "/tool"),
        ({"input": []}, "/input"),
        ({"timeout_s": "5"}, "/timeout_s"),
        ({"deadline_s": 0.5}, "/deadline_s"),
        ({"deadline_s": 86_401}, "/deadline_s"),
        ([], ""),
    ],
)
def test_invalid_body_names_the_field(world: World, body: Any, path: str) -> None:
    error = refused(rerun(world, original(world), body), 400, "invalid_request", "ValidationError")
    assert [one["path"] for one in error["details"]["errors"]] == [path]


@pytest.mark.parametrize("job_id", [UNKNOWN, "nonsense"])
@pytest.mark.parametrize("body", [None, {"tool": "x"}])
def test_unknown_job_is_404_before_its_body_is_looked_at(world: World, job_id: str, body: Any) -> None:
    refused(rerun(world, job_id, body), 404, "not_found", "NotFoundError")


def test_job_of_another_tenant_is_404(world: World) -> None:
    refused(rerun(world, original(world), tenant="rival"), 404, "not_found", "NotFoundError")


@pytest.mark.parametrize(
    ("scopes", "status"), [("execute", 202), ("admin", 202), ("jobs:read jobs:cancel plugins:read", 403)]
)
def test_scope_execute_is_needed(world: World, scopes: str, status: int) -> None:
    assert rerun(world, original(world), scopes=scopes).status == status


def test_repeated_key_joins_the_job_of_the_first_request(world: World) -> None:
    first = original(world, text="x" * 20_000)
    one = rerun(world, first, {"timeout_s": 5}, key="k")
    world.objects.texts.pop(next(iter(world.objects.texts)))  # the input of the original
    again = rerun(world, first, {"timeout_s": 5.0}, key="k")
    assert (again.status, again.headers["Idempotency-Replayed"]) == (202, "true")
    assert again.body == one.body
    world.run_submitted(one.body["job_id"])
    finished = rerun(world, first, {"timeout_s": 5}, key="k")
    assert (finished.status, finished.body["job_id"]) == (200, one.body["job_id"])


@pytest.mark.parametrize("how", ["another body", "an invalid body", "another job", "execute"])
def test_key_of_another_request_is_422(world: World, how: str) -> None:
    first, other = original(world), original(world)
    assert rerun(world, first, key="k").status == 202
    answer = {
        "another body": lambda: rerun(world, first, {"timeout_s": 1}, key="k"),
        "an invalid body": lambda: rerun(world, first, {"tool": "x"}, key="k"),
        "another job": lambda: rerun(world, other, key="k"),
        "execute": lambda: world.request(
            "POST", "/v1/execute", {"plugin": "echo", "input": {"text": "x"}}, headers={"Idempotency-Key": "k"}
        ),
    }[how]()
    refused(answer, 422, "idempotency_mismatch", "IdempotencyError")


def test_limit_of_unfinished_jobs_holds_for_reruns(world: World) -> None:
    first = original(world)
    assert rerun(world, first, key_id="few", concurrency=1).status == 202
    refused(rerun(world, first, key_id="few", concurrency=1), 429, "rate_limited", "ThrottlingError")


def test_other_methods_are_405(world: World) -> None:
    answer = world.request("GET", f"/v1/jobs/{UNKNOWN}/rerun")
    refused(answer, 405, "invalid_request", "ValidationError")
    assert answer.headers["Allow"] == "POST"


def test_expired_upload_is_reported_with_its_field(tmp_path: Path) -> None:
    picture = {"type": "object", "properties": {"image": FILE_SCHEMA}, "required": ["image"]}
    world = World(tmp_path, a_plugin("echo", a_tool("say", input_schema=picture)))
    created = world.request("POST", "/v1/uploads", {"content_type": "image/png", "size": 5}).body
    world.objects.files[Upload.of_id(created["upload_id"]).key("acme")] = (b"hello", "image/png")
    first = world.submit(input={"image": {"upload_id": created["upload_id"]}})
    assert rerun(world, first).status == 202
    world.clock.advance(UPLOAD_LIFETIME.total_seconds())
    error = refused(rerun(world, first), 400, "invalid_input", "ValidationError")
    [problem] = error["details"]["errors"]
    assert problem["path"] == "/image"
    assert "has expired" in problem["message"]
    assert "Upload the file again" in problem["message"]
