"""Rate and concurrency limits of keys, on every route that requires a key."""

import math
from typing import Any

import pytest

from interlock.domain.deadline import Deadline
from interlock.domain.errors import ErrorCode
from interlock.domain.outcome import Outcome
from tests.fakes.world import Answer, World

BODY = {"plugin": "echo", "input": {"text": "hello"}}
ROUTES = [
    ("POST", "/v1/execute"),
    ("GET", "/v1/jobs"),
    ("GET", "/v1/jobs/01KY4QJ3HS0123456789ABCDEF"),
    ("GET", "/v1/jobs/01KY4QJ3HS0123456789ABCDEF/result"),
    ("POST", "/v1/jobs/01KY4QJ3HS0123456789ABCDEF/cancel"),
    ("DELETE", "/v1/jobs/01KY4QJ3HS0123456789ABCDEF"),
    ("GET", "/v1/plugins"),
    ("GET", "/v1/plugins/echo"),
    ("GET", "/v1/plugins/echo/health"),
]


def refused(answer: Answer, **details: Any) -> None:
    assert answer.status == 429
    error = answer.error
    assert (error["type"], error["code"], error["retryable"]) == ("ThrottlingError", "rate_limited", True)
    assert error["details"].items() >= details.items()
    assert int(answer.headers["Retry-After"]) >= 1


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_every_authenticated_route_counts_towards_the_rate(world: World, method: str, path: str) -> None:
    first = world.request(method, path, rate="1/s")
    assert first.status != 429
    refused(world.request(method, path, rate="1/s"), limit="rate", rate="1/s", retry_after_s=1)
    world.clock.advance(1)
    assert world.request(method, path, rate="1/s").status == first.status


def test_retry_after_is_exact_to_the_second(world: World) -> None:
    world.request("GET", "/v1/plugins", rate="2/h")
    world.request("GET", "/v1/plugins", rate="2/h")
    world.clock.advance(0.5)
    answer = world.request("GET", "/v1/plugins", rate="2/h")
    refused(answer, retry_after_s=1800)
    assert answer.headers["Retry-After"] == "1800"


def test_keys_have_separate_rates(world: World) -> None:
    assert world.request("GET", "/v1/plugins", rate="1/s", key_id="a").status == 200
    assert world.request("GET", "/v1/plugins", rate="1/s", key_id="b").status == 200
    refused(world.request("GET", "/v1/plugins", rate="1/s", key_id="a"))


def test_requests_without_a_rate_limit_are_not_counted(world: World) -> None:
    assert {world.request("GET", "/v1/plugins").status for _ in range(20)} == {200}
    assert world.rates._next == {}


def test_open_routes_have_no_rate_limit(world: World) -> None:
    for _ in range(3):
        assert world.request("GET", "/v1/health", tenant="").status == 200


def test_request_over_the_rate_limit_is_refused_before_it_is_parsed(world: World) -> None:
    world.request("GET", "/v1/plugins", rate="1/s")
    refused(world.request("POST", "/v1/execute", text="{", rate="1/s"))
    refused(world.request("POST", "/v1/execute", BODY, rate="1/s"))
    assert world.jobs.all_jobs == []


# --- Concurrency ---


def execute(world: World, limit: int | None = 1, *, prefer: str | None = None, key: str = "", **more: Any) -> Answer:
    headers = {"Prefer": prefer} if prefer else {}
    headers |= {"Idempotency-Key": key} if key else {}
    return world.request("POST", "/v1/execute", BODY, headers=headers, concurrency=limit, **more)


def test_unfinished_jobs_of_a_key_are_limited(world: World) -> None:
    jobs = [execute(world, 2, prefer="respond-async") for _ in range(2)]
    assert [job.status for job in jobs] == [202, 202]
    for prefer in (None, "respond-async", "respond-async, wait=1"):
        answer = execute(world, 2, prefer=prefer)
        refused(answer, limit="concurrency", retry_after_s=1)
        assert (answer.error["plugin"], answer.error["tool"], answer.error["job_id"]) == ("echo", "say", None)
    assert len(world.jobs.all_jobs) == 2
    assert len(world.workflow.running) == 2
    assert world.request("POST", f"/v1/jobs/{jobs[0].body['job_id']}/cancel").status == 200
    assert execute(world, 2).status == 200
    assert execute(world, 2, prefer="respond-async").status == 202
    refused(execute(world, 2))


def test_refused_request_starts_no_tool(world: World) -> None:
    execute(world, prefer="respond-async")
    refused(execute(world))
    assert world.sandbox.runs == []


@pytest.mark.parametrize(
    "outcome",
    [Outcome.failed(ErrorCode.PLUGIN_EXCEPTION, "no luck"), Outcome.timed_out(Deadline(math.inf, 1), "killed")],
)
def test_slot_is_released_however_the_job_ends(world: World, outcome: Outcome) -> None:
    for _ in range(3):
        assert execute(world).status == 200
    job_id = execute(world, prefer="respond-async").body["job_id"]
    refused(execute(world))
    world.runner.run_pending("acme", job_id, deadline=Deadline.after(20))
    assert execute(world).status == 200


def test_slot_of_a_crashed_worker_is_released_when_its_job_is_settled(world: World) -> None:
    job_id = execute(world, prefer="respond-async").body["job_id"]
    refused(execute(world))
    world.workflow.finish(job_id)
    world.clock.advance(61)
    assert world.core.service.settle_lapsed() == 1
    assert execute(world).status == 200


def test_keys_have_separate_slots(world: World) -> None:
    assert execute(world, prefer="respond-async", key_id="a").status == 202
    assert execute(world, prefer="respond-async", key_id="b").status == 202
    refused(execute(world, key_id="a"))


def test_replay_takes_no_slot_and_is_not_refused(world: World) -> None:
    first = execute(world, prefer="respond-async", key="once")
    again = execute(world, prefer="respond-async", key="once")
    assert (again.status, again.body["job_id"]) == (202, first.body["job_id"])
    assert again.headers["Idempotency-Replayed"] == "true"
    refused(execute(world, prefer="respond-async", key="another"))


def test_job_stores_its_key_and_concurrency_limit(world: World) -> None:
    execute(world, None, key_id="k7")
    execute(world, 3, key_id="k8")
    assert [(job.key_id, job.key_limit) for job in world.jobs.all_jobs] == [("k7", None), ("k8", 3)]
