"""`GET /v1/jobs`: filters, pages and cursors, to the letter of the HTTP contract."""

from pathlib import Path
from typing import Any

import pytest

from interlock.domain.manifest import PluginManifest
from tests.fakes.envelope import refused
from tests.fakes.plugins import a_broken_plugin, a_plugin, a_tool
from tests.fakes.world import Answer, World
from tests.pure.core.endpoint_jobs import JOB, UNKNOWN, given_jobs


def listed(world: World, **query: str | list[str]) -> Answer:
    return world.request("GET", "/v1/jobs", query={name: [v] if isinstance(v, str) else v for name, v in query.items()})


def test_jobs_of_the_tenant_are_listed_newest_first(world: World) -> None:
    ids = given_jobs(world)
    answer = listed(world)
    assert answer.status == 200
    assert set(answer.body) == {"jobs", "count", "next_cursor"}
    assert [job["job_id"] for job in answer.body["jobs"]] == sorted(ids.values(), reverse=True)
    assert (answer.body["count"], answer.body["next_cursor"]) == (len(ids), None)
    assert all(set(job) == JOB for job in answer.body["jobs"])


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"status": "failed"}, {"failed"}),
        ({"status": ["failed", "succeeded"]}, {"failed", "succeeded"}),
        ({"status": "done"}, {"succeeded"}),
        ({"status": "success"}, {"succeeded"}),
        ({"status": "error"}, {"failed"}),
        ({"status": "queued"}, {"pending", "shout", "other"}),
        ({"status": ["queued", "pending"], "tool": "shout"}, {"shout"}),
        ({"plugin": "other"}, {"other"}),
        ({"plugin": "echo", "status": "queued"}, {"pending", "shout"}),
        ({"plugin": "echo", "tool": "shout"}, {"shout"}),
        ({"tool": "shout"}, {"shout"}),
        ({"plugin": "nope"}, set()),
        ({"tool": "nope"}, set()),
        ({"plugin": "other", "tool": "say", "status": "pending"}, {"other"}),
        ({"plugin": "echo#say"}, set()),
    ],
)
def test_list_filters_can_be_combined(world: World, query: dict[str, Any], words: set[str]) -> None:
    ids = given_jobs(world)
    answer = listed(world, **query)
    assert {job["job_id"] for job in answer.body["jobs"]} == {ids[word] for word in words}
    assert answer.body["count"] == len(words)


@pytest.mark.parametrize(
    "now", [a_plugin("echo", a_tool("whisper")), a_broken_plugin("echo")], ids=["renamed", "unavailable"]
)
def test_jobs_of_a_removed_tool_are_listed(world: World, tmp_path: Path, now: PluginManifest) -> None:
    job_id = world.execute(tool="shout").body["job_id"]
    redeployed = World(tmp_path / "redeployed", now, store=world.store)
    for query in ({"tool": "shout"}, {"plugin": "echo", "tool": "shout"}):
        assert [job["job_id"] for job in listed(redeployed, **query).body["jobs"]] == [job_id]
    assert listed(redeployed, tool="whisper").body["jobs"] == []


@pytest.mark.parametrize("limit", ["1", "2", "9", "100"])
def test_pages_list_each_job_once_while_new_jobs_arrive(world: World, limit: str) -> None:
    ids = given_jobs(world)
    seen: list[str] = []
    cursor: str | None = None
    while True:
        answer = listed(world, limit=limit, **({"cursor": cursor} if cursor else {}))
        assert answer.body["count"] == len(answer.body["jobs"]) <= int(limit)
        seen += [job["job_id"] for job in answer.body["jobs"]]
        cursor = answer.body["next_cursor"]
        if cursor is None:
            break
        world.clock.advance(1)
        world.submit()
    assert seen == sorted(ids.values(), reverse=True)


def test_default_page_size_is_fifty(world: World) -> None:
    for _ in range(51):
        world.clock.advance(0.001)
        world.submit()
    assert listed(world).body["count"] == 50
    assert listed(world, limit="51").body["next_cursor"] is None


@pytest.mark.parametrize(
    "query",
    [
        {"limit": "0"},
        {"limit": "101"},
        {"limit": "-1"},
        {"limit": "1.0"},
        {"limit": "ten"},
        {"limit": "²"},
        {"limit": ""},
        {"limit": "9" * 5000},
        {"limit": "0000000001000"},
        {"limit": ["5", "6"]},
        {"status": "finished"},
        {"status": ""},
        {"status": "FAILED"},
        {"status": ["failed", "nope"]},
        {"plugin": ""},
        {"plugin": ["a", "b"]},
        {"plugin": "x" * 65},
        {"tool": "x" * 5000},
        {"cursor": ""},
        {"cursor": "nope"},
        {"cursor": "ä"},
        {"cursor": "=" * 8},
        {"cursor": UNKNOWN},
        {"offset": "5"},
        {"Limit": "5"},
    ],
)
def test_invalid_query_values_return_400(world: World, query: dict[str, Any]) -> None:
    refused(listed(world, **query), 400, "invalid_request", "ValidationError")


@pytest.mark.parametrize("other", [{"plugin": "echo"}, {"tool": "say"}, {"status": "pending"}])
def test_cursor_is_refused_for_another_query(world: World, other: dict[str, str]) -> None:
    given_jobs(world)
    cursor = listed(world, limit="1").body["next_cursor"]
    refused(listed(world, limit="1", cursor=cursor, **other), 400, "invalid_request", "ValidationError")
    assert listed(world, limit="2", cursor=cursor).status == 200  # the page size may change


def test_cursor_is_refused_for_another_tenant(world: World) -> None:
    given_jobs(world)
    cursor = listed(world, limit="1").body["next_cursor"]
    answer = world.request("GET", "/v1/jobs", query={"limit": ["1"], "cursor": [cursor]}, tenant="rival")
    refused(answer, 400, "invalid_request", "ValidationError")


def test_order_of_statuses_does_not_change_the_query(world: World) -> None:
    given_jobs(world)
    one = world.request("GET", "/v1/jobs", query={"limit": ["1"], "status": ["pending", "failed"]})
    cursor = one.body["next_cursor"]
    another = {"limit": ["1"], "status": ["error", "queued"], "cursor": [cursor]}
    assert world.request("GET", "/v1/jobs", query=another).status == 200


def test_cursor_secret_is_read_only_for_the_first_cursor(world: World) -> None:
    given_jobs(world)
    assert listed(world).body["next_cursor"] is None
    assert world.secrets.requested == []
    listed(world, limit="1")
    assert world.secrets.requested == ["cursors"]


# --- By time ---


def minutes(world: World) -> list[str]:
    """Submit a job at 12:00:00.000, 12:01:00.000 and 12:02:00.000, and return their ids."""
    ids = []
    for _ in range(3):
        ids.append(world.submit())
        world.clock.advance(60)
    return ids


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"created_after": ["2026-11-22T12:00:00Z"]}, [0, 1, 2]),
        ({"created_after": ["2026-11-22T12:00:00.001Z"]}, [1, 2]),
        ({"created_before": ["2026-11-22T12:02:00Z"]}, [0, 1]),
        ({"created_after": ["2026-11-22T12:01:00Z"], "created_before": ["2026-11-22T12:02:00.000Z"]}, [1]),
        ({"created_after": ["2026-11-22T12:01:00Z"], "created_before": ["2026-11-22T12:01:00Z"]}, []),
        ({"created_after": ["2026-11-22T13:01:00+01:00"]}, [1, 2]),
        ({"created_after": ["2026-11-22T13:01:00 01:00"]}, [1, 2]),  # in a query, a plus sign is decoded as a space
        ({"created_after": ["2026-11-22t11:31:00-00:30"]}, [1, 2]),
        ({"created_after": ["2026-11-22t12:00:60z"]}, [1, 2]),  # a leap second, read as 12:00:59
        ({"created_before": ["1969-12-31T23:59:59Z"]}, []),
        ({"created_before": ["9999-12-31T23:59:59Z"]}, [0, 1, 2]),
        ({"created_after": ["2026-11-22T12:01:00Z"], "status": ["queued"], "plugin": ["echo"]}, [1, 2]),
    ],
)
def test_jobs_are_listed_by_the_time_of_their_creation(world: World, query: Any, found: list[int]) -> None:
    ids = minutes(world)
    answer = world.request("GET", "/v1/jobs", query=query)
    assert answer.status == 200
    assert [job["job_id"] for job in answer.body["jobs"]] == [ids[number] for number in reversed(found)]


def test_pages_by_time_end_at_the_bound(world: World) -> None:
    ids = minutes(world)
    query = {"created_after": ["2026-11-22T12:01:00Z"], "limit": ["1"]}
    first = world.request("GET", "/v1/jobs", query=query).body
    second = world.request("GET", "/v1/jobs", query=query | {"cursor": [first["next_cursor"]]}).body
    assert [job["job_id"] for page in (first, second) for job in page["jobs"]] == [ids[2], ids[1]]
    assert second["next_cursor"] is None
    other = query | {"created_after": ["2026-11-22T12:00:00Z"], "cursor": [first["next_cursor"]]}
    refused(world.request("GET", "/v1/jobs", query=other), 400, "invalid_request", "ValidationError")


@pytest.mark.parametrize("parameter", ["created_after", "created_before"])
@pytest.mark.parametrize(
    "text",
    [
        "yesterday",
        "2026-11-22",
        "2026-11-22T12:00:00",
        "2026-13-22T12:00:00Z",
        "1795342272",
        "2026-11-22T12:00:00+1:00",
    ],
)
def test_time_that_is_not_rfc_3339_is_400(world: World, parameter: str, text: str) -> None:
    answer = world.request("GET", "/v1/jobs", query={parameter: [text]})
    error = refused(answer, 400, "invalid_request", "ValidationError")
    assert parameter in error["message"]
    assert "RFC 3339" in error["message"]
