"""`POST /v1/execute` with an idempotency key, to the letter of the HTTP contract."""

from pathlib import Path
from typing import Any

import pytest

from interlock.domain.deadline import Deadline
from interlock.domain.manifest import PluginManifest
from tests.fakes.envelope import refused
from tests.fakes.plugins import a_broken_plugin, a_plugin, a_tool
from tests.fakes.sandbox import answered
from tests.fakes.store import Interposed
from tests.fakes.world import Answer, World


def keyed(world: World, key: str = "k", *, text: str = "hello", tenant: str = "acme", prefer: str = "") -> Answer:
    return world.request(
        "POST",
        "/v1/execute",
        {"plugin": "echo", "input": {"text": text}},
        headers={"Idempotency-Key": key, **({"Prefer": prefer} if prefer else {})},
        tenant=tenant,
    )


def test_same_key_and_body_replay_the_finished_job_and_run_once(world: World) -> None:
    first, again = keyed(world), keyed(world)
    assert (first.status, again.status) == (200, 200)
    assert again.body == first.body
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    assert len(world.sandbox.runs) == len(world.jobs.all_jobs) == 1


def test_failure_is_replayed_with_the_same_envelope(world: World) -> None:
    world.sandbox.script = lambda _: answered("exception", {"exception": "E", "message": "m"})
    first, again = keyed(world), keyed(world)
    assert (first.status, again.status) == (400, 400)
    assert again.body == first.body
    assert again.headers["Idempotency-Replayed"] == "true"
    assert len(world.sandbox.runs) == 1


def test_replay_ignores_white_space_and_field_order(world: World) -> None:
    text = '{ "input": {"text": "hello"},\n "plugin": "echo" }'
    first = keyed(world)
    again = world.request("POST", "/v1/execute", text=text, headers={"Idempotency-Key": "k"})
    assert again.body == first.body


def test_different_body_under_the_same_key_returns_422(world: World) -> None:
    keyed(world)
    error = refused(keyed(world, text="other"), 422, "idempotency_mismatch", "IdempotencyError")
    assert error["retryable"] is False
    assert len(world.sandbox.runs) == 1


@pytest.mark.parametrize(
    ("body", "about"),
    [
        ({"plugin": "echo", "input": {"text": "other"}}, ("echo", "say")),
        ({"plugin": "echo", "tool": "shout", "input": {"text": "hello"}}, ("echo", "shout")),
        ({"plugin": "echo", "input": {"text": 1}}, ("echo", "say")),
        ({"plugin": "echo", "tool": "nope", "input": {"text": "hello"}}, ("echo", "nope")),
        ({"plugin": "nope", "input": {"text": "hello"}}, ("nope", None)),
        ({"plugin": "broken", "input": {"text": "hello"}}, ("broken", None)),
        ({"plugin": "echo", "input": {"text": "hello"}, "extra": 1}, (None, None)),
        ({"plugin": "echo"}, (None, None)),
        ([], (None, None)),
    ],
)
def test_different_body_returns_422_even_if_it_is_invalid(
    world: World, body: Any, about: tuple[str | None, str | None]
) -> None:
    keyed(world)
    answer = world.request("POST", "/v1/execute", body, headers={"Idempotency-Key": "k"})
    error = refused(answer, 422, "idempotency_mismatch", "IdempotencyError")
    assert (error["plugin"], error["tool"], error["job_id"]) == (*about, None)
    assert len(world.sandbox.runs) == 1


@pytest.mark.parametrize(
    "now",
    [
        a_plugin("echo", a_tool("say", input_schema={"type": "object", "required": ["other"]})),
        a_plugin("echo", a_tool("whisper", input_schema={"type": "object", "required": ["other"]})),
        a_broken_plugin("echo"),
        a_plugin("another"),
    ],
    ids=["another schema", "renamed", "unavailable", "removed"],
)
def test_finished_job_is_replayed_after_its_plugin_has_changed(
    world: World, tmp_path: Path, now: PluginManifest
) -> None:
    first = keyed(world)
    redeployed = World(tmp_path / "redeployed", now, store=world.store)
    again = keyed(redeployed)
    assert (again.status, again.body) == (200, first.body)
    assert again.headers["Idempotency-Replayed"] == "true"
    refused(keyed(redeployed, text="other"), 422, "idempotency_mismatch", "IdempotencyError")
    assert keyed(redeployed, "another key").status == 400
    assert redeployed.sandbox.runs == []


def test_first_request_under_a_key_costs_no_lookup(watched: World) -> None:
    assert keyed(watched).status == 200
    assert isinstance(watched.store, Interposed)
    assert "find_by_key" not in watched.store.calls


def test_idempotency_keys_are_separate_per_tenant(world: World) -> None:
    first, other = keyed(world), keyed(world, tenant="rival", text="other")
    assert (first.status, other.status) == (200, 200)
    assert other.body["job_id"] != first.body["job_id"]
    assert len(world.sandbox.runs) == 2


def test_repeated_request_returns_the_unfinished_job_in_both_modes(world: World) -> None:
    first = keyed(world, prefer="respond-async")
    again = keyed(world, prefer="respond-async")
    assert (first.status, again.status) == (202, 202)
    assert again.body == first.body
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.headers["Location"] == first.headers["Location"]
    world.runner.run_pending("acme", first.body["job_id"], deadline=Deadline.after(800))
    done = keyed(world)
    assert (done.status, done.body["job_id"]) == (200, first.body["job_id"])
    assert len(world.sandbox.runs) == 1


def test_refused_request_does_not_use_up_its_idempotency_key(world: World) -> None:
    body = {"plugin": "echo", "input": {}}
    refused(
        world.request("POST", "/v1/execute", body, headers={"Idempotency-Key": "k"}),
        400,
        "invalid_input",
        "ValidationError",
    )
    assert keyed(world).status == 200


def test_idempotency_key_can_be_reused_after_its_job_has_expired(world: World) -> None:
    first = keyed(world)
    world.clock.advance(7 * 86_400 + 1)
    assert keyed(world, text="other").body["job_id"] != first.body["job_id"]
