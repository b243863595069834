"""`/v1/batches`: submit, read, list, results, cancel."""

import json
from pathlib import Path
from typing import Any

import pytest

from interlock.domain.errors import ServiceUnavailable
from interlock.domain.job_id import job_id_of_item
from interlock.domain.job_status import JobStatus
from interlock.domain.upload_id import Upload
from tests.fakes.plugins import a_plugin
from tests.fakes.world import World
from tests.pure.core.batch_requests import items_of, post_batch, read_batch, results_of, submit_batch

pytestmark = pytest.mark.endpoint


def test_submitted_batch_is_preparing(world: World) -> None:
    answer = post_batch(world, max_concurrency=3, tolerated_failures="5%", timeout_s=2, deadline_s=60)
    assert answer.status == 202
    assert answer.headers["Location"] == f"/v1/batches/{answer.body['batch_id']}"
    shown = answer.body
    assert (shown["plugin"], shown["tool"], shown["status"], shown["total"]) == ("echo", "say", "preparing", 2)
    assert (shown["max_concurrency"], shown["tolerated_failures"], shown["timeout_s"]) == (3, "5%", 2)
    assert shown["deadline_at"] is not None
    assert world.batch_workflow.running == {(shown["batch_id"], 1)}


def test_batch_runs_all_items_and_keeps_their_order(world: World) -> None:
    batch_id = submit_batch(world, items=items_of("a", "b", "c"))
    plan = world.prepare_batch(batch_id)
    assert (plan["run"], plan["max_concurrency"]) == (True, 10)
    prepared = read_batch(world, batch_id)
    assert (prepared["status"], prepared["counts"]["pending"]) == ("running", 3)
    assert world.request("GET", f"/v1/batches/{batch_id}/results").status == 409
    world.run_items(batch_id)
    assert read_batch(world, batch_id)["counts"]["succeeded"] == 3
    assert world.finish_batch(batch_id)
    done = read_batch(world, batch_id)
    assert (done["status"], done["counts"]["succeeded"], done["error"]) == ("succeeded", 3, None)
    lines = results_of(world, batch_id)
    assert [(line["index"], line["key"], line["status"], line["result"]["text"]) for line in lines] == [
        (0, "key-0", "succeeded", "a"),
        (1, "key-1", "succeeded", "b"),
        (2, "key-2", "succeeded", "c"),
    ]
    job = world.request("GET", f"/v1/jobs/{lines[1]['job_id']}").body
    assert (job["batch_id"], job["key"]) == (batch_id, "key-1")


def test_jobs_are_listed_by_batch(world: World) -> None:
    world.submit()
    batch_id, other = submit_batch(world), submit_batch(world)
    for one in (batch_id, other):
        world.prepare_batch(one)
    listed = world.request("GET", "/v1/jobs", query={"batch": [batch_id]}).body["jobs"]
    assert [job["job_id"] for job in listed] == [job_id_of_item(batch_id, index) for index in (1, 0)]
    assert world.request("GET", "/v1/jobs", query={"batch": ["x"]}).status == 400


def test_invalid_input_fails_its_item_only(world: World) -> None:
    batch_id = submit_batch(world, items=[{"input": {"text": 7}}, {"input": {"text": "b"}}])
    world.prepare_batch(batch_id)
    assert read_batch(world, batch_id)["counts"]["failed"] == 1
    world.run_items(batch_id)
    assert world.finish_batch(batch_id)
    first, second = results_of(world, batch_id)
    assert (first["status"], first["error"]["code"], first["error"]["details"]["errors"][0]["path"]) == (
        "failed",
        "invalid_input",
        "/text",
    )
    assert second["status"] == "succeeded"
    assert read_batch(world, batch_id)["status"] == "succeeded"


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"items": []}, "/items"),
        ({"items": [{"input": {"text": "a"}}, {"key": "b"}]}, "/items/1/input"),
        ({"items": [{"input": {}, "name": "b"}]}, "/items/0/name"),
        ({"items": items_of("a"), "upload_id": "x"}, ""),
        ({"items": None}, ""),
        ({"max_concurrency": 0}, "/max_concurrency"),
        ({"max_concurrency": 1001}, "/max_concurrency"),
        ({"tolerated_failures": "5"}, "/tolerated_failures"),
        ({"tolerated_failures": "101%"}, "/tolerated_failures"),
        ({"deadline_s": 0}, "/deadline_s"),
        ({"priority": 1}, "/priority"),
    ],
    ids=str,
)
def test_invalid_batch_is_refused(world: World, fields: dict[str, Any], path: str) -> None:
    body = {"plugin": "echo", "items": items_of("a"), **fields}
    answer = world.request("POST", "/v1/batches", body)
    assert (answer.status, answer.error["code"]) == (400, "invalid_request")
    assert answer.error["details"]["errors"][0]["path"] == path
    assert not world.batch_workflow.running


def test_too_many_items_are_refused(world: World) -> None:
    assert post_batch(world, items=[{"input": {}}] * 10_001).error["code"] == "invalid_request"


def test_unknown_tool_is_refused(world: World) -> None:
    answer = post_batch(world, tool="murmur")
    assert (answer.status, answer.error["code"], answer.error["tool"]) == (400, "unknown_tool", "murmur")


def test_same_idempotency_key_joins_the_batch(world: World) -> None:
    headers = {"Idempotency-Key": "once"}
    first = post_batch(world, headers)
    again = post_batch(world, headers)
    assert (first.status, again.status) == (202, 202)
    assert again.body["batch_id"] == first.body["batch_id"]
    assert again.headers["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first.headers
    assert post_batch(world, headers, max_concurrency=7).status == 422
    assert len(world.batch_workflow.running) == 1


def test_bodies_that_mean_the_same_join_one_batch(world: World) -> None:
    headers = {"Idempotency-Key": "once"}
    limits = {"timeout_s": 10, "deadline_s": 60, "max_concurrency": 4, "tolerated_failures": 1}
    first = post_batch(world, headers, **limits)
    assert first.status == 202
    as_floats = {name: float(value) for name, value in reversed(limits.items())}
    again = post_batch(world, headers, **as_floats)
    assert (again.status, again.body["batch_id"]) == (202, first.body["batch_id"])
    for other in ({"max_concurrency": True}, {"max_concurrency": 10**400}, {"items": items_of(1)}):
        assert post_batch(world, headers, **limits | other).status == 422
    assert world.request("POST", "/v1/batches", [7], headers=headers).status == 422


@pytest.mark.parametrize(
    ("fields", "expected"),
    [({}, 2), ({"max_concurrency": 3}, 3), ({"max_concurrency": 9}, 4), ({"tolerated_failures": "5%"}, 2)],
)
def test_limits_of_the_stack_bound_a_batch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fields: dict[str, Any], expected: int
) -> None:
    for name, value in (("ITEMS", "2"), ("CONCURRENCY", "4"), ("DEFAULT_CONCURRENCY", "2")):
        monkeypatch.setenv(f"INTERLOCK_BATCH_{name}", value)
    world = World(tmp_path, a_plugin())
    assert post_batch(world, **fields).body["max_concurrency"] == expected
    refused = post_batch(world, items=items_of(*"abc"))
    assert (refused.status, refused.error["details"]["errors"][0]["path"]) == (400, "/items")
    lines = "\n".join(json.dumps(item) for item in items_of(*"abc"))
    batch_id = submit_batch(world, upload_id=_upload(world, lines))
    assert world.prepare_batch(batch_id)["run"] is False
    assert "1 to 2" in read_batch(world, batch_id)["error"]["message"]


def test_failed_batches_are_published(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    unreadable = submit_batch(world, upload_id=_upload(world, "nonsense"))
    world.prepare_batch(unreadable)
    assert capsys.readouterr().out.count('"batch_failed_count":[1.0]') == 1
    for tolerated, published in ((0, 1), (2, 0)):
        batch_id = submit_batch(world, items=items_of(7), tolerated_failures=tolerated)
        world.prepare_batch(batch_id)
        assert world.finish_batch(batch_id)
        assert capsys.readouterr().out.count('"batch_failed_count":[1.0]') == published


def _upload(world: World, text: str | bytes) -> str:
    content = text.encode() if isinstance(text, str) else text
    upload = Upload.new("application/jsonl", len(content), world.clock())
    world.objects.files[upload.key("acme")] = content, upload.content_type
    if isinstance(text, str):
        world.objects.texts[upload.key("acme")] = text
    return upload.id


def test_items_are_read_from_an_upload(world: World) -> None:
    lines = "\n".join(json.dumps(item) for item in items_of("a", "b", "c"))
    batch_id = submit_batch(world, upload_id=_upload(world, f"{lines}\n\n"))
    assert read_batch(world, batch_id)["total"] is None
    world.prepare_batch(batch_id)
    assert read_batch(world, batch_id)["counts"]["pending"] == 3


@pytest.mark.parametrize(
    ("text", "path", "message"),
    [
        ('{"input": {}}\n{"key": "b"}', "/items/1/input", "line 2 is required"),
        ('\n{"input": 7}', "/items/0/input", "line 2 must be an object"),
        ('{"input": {}}\nnonsense', "/items/1", "line 2 is not JSON"),
    ],
)
def test_unreadable_upload_fails_the_batch_and_names_the_line(world: World, text: str, path: str, message: str) -> None:
    batch_id = submit_batch(world, upload_id=_upload(world, text))
    assert world.prepare_batch(batch_id)["run"] is False
    assert world.finish_batch(batch_id)
    shown = read_batch(world, batch_id)
    assert (shown["status"], shown["total"], shown["error"]["code"]) == ("failed", 0, "invalid_request")
    problem = shown["error"]["details"]["errors"][0]
    assert problem["path"] == path
    assert message.split()[1] in problem["message"]
    assert results_of(world, batch_id) == []


def test_unknown_upload_is_refused(world: World) -> None:
    answer = post_batch(world, upload_id="nonsense")
    assert (answer.status, answer.error["code"]) == (400, "invalid_input")
    assert answer.error["details"]["errors"][0]["path"] == "/upload_id"


def test_batch_of_another_tenant_is_not_found(world: World) -> None:
    batch_id = submit_batch(world)
    for method, path in (("GET", ""), ("GET", "/results"), ("POST", "/cancel")):
        assert world.request(method, f"/v1/batches/{batch_id}{path}", tenant="other").status == 404
    assert world.request("GET", "/v1/batches/nonsense").status == 404
    assert world.request("GET", "/v1/batches", tenant="other").body["batches"] == []


def test_batches_are_listed_page_by_page(world: World) -> None:
    made = []
    for _ in range(3):
        made.append(submit_batch(world))
        world.clock.advance(1)
    first = world.request("GET", "/v1/batches", query={"limit": ["2"]}).body
    rest = world.request("GET", "/v1/batches", query={"limit": ["2"], "cursor": [first["next_cursor"]]}).body
    assert [one["batch_id"] for one in first["batches"] + rest["batches"]] == made[::-1]
    assert (first["count"], rest["count"], rest["next_cursor"]) == (2, 1, None)


def test_item_waits_while_its_key_has_reached_its_limit(world: World) -> None:
    answer = world.request("POST", "/v1/batches", {"plugin": "echo", "items": items_of("a", "b")}, concurrency=1)
    batch_id = answer.body["batch_id"]
    assert answer.body["max_concurrency"] == 1
    world.prepare_batch(batch_id)
    assert world.jobs.slots["key"] == 0
    world.jobs.slots["key"] = 1
    waiting = world.run_submitted(job_id_of_item(batch_id, 0))
    assert waiting is not None
    assert waiting.status is JobStatus.PENDING
    world.jobs.slots["key"] = 0
    world.run_items(batch_id)
    assert world.finish_batch(batch_id)
    assert world.jobs.slots["key"] == 0


def test_schedule_starts_an_execution_again_that_has_ended(world: World) -> None:
    batch_id = submit_batch(world)
    batch = world.batches.get("acme", batch_id)
    assert batch is not None
    assert world.core.batch_service.restart_lapsed() == 0
    world.clock.advance(61)
    assert world.core.batch_service.restart_lapsed() == 1
    assert world.batch_workflow.running == {(batch_id, 1)}
    world.batch_workflow.finish(batch)
    world.clock.advance(61)
    assert world.core.batch_service.restart_lapsed() == 1
    assert world.batch_workflow.running == {(batch_id, 2)}


def test_preparing_continues_after_an_invocation_that_was_killed(world: World) -> None:
    batch_id = submit_batch(world, items=items_of("a", "b"))
    world.prepare_batch(batch_id)
    world.run_submitted(job_id_of_item(batch_id, 0))
    unprepared = world.batches.get("acme", batch_id)
    assert unprepared is not None
    assert world.prepare_batch(batch_id)["run"] is True
    world.run_items(batch_id)
    assert world.finish_batch(batch_id)
    assert len(world.sandbox.runs) == 2


def test_items_that_cannot_be_read_any_more_fail_the_batch_and_end_its_jobs(world: World) -> None:
    """The first invocation creates jobs and fails, and the items expire before the next one."""
    lines = "\n".join(json.dumps(item) for item in items_of("a", "b"))
    batch_id = submit_batch(world, upload_id=_upload(world, lines))
    world.objects.before_put = raise_unavailable
    with pytest.raises(ServiceUnavailable):
        world.prepare_batch(batch_id)
    world.objects.before_put = lambda _key: None
    world.objects.texts.clear()
    for _ in range(2):
        assert world.prepare_batch(batch_id)["run"] is False
    assert [job.status for job in world.jobs.all_jobs] == [JobStatus.PENDING, JobStatus.PENDING]
    assert not world.finish_batch(batch_id)
    assert world.finish_batch(batch_id)
    shown = read_batch(world, batch_id)
    assert (shown["status"], shown["error"]["code"], shown["counts"]["cancelled"]) == ("failed", "invalid_request", 2)
    assert [line["status"] for line in results_of(world, batch_id)] == ["cancelled", "cancelled"]


def raise_unavailable(_key: str) -> None:
    raise ServiceUnavailable(service="bucket")
