"""`Prefer: wait=N` on a job, its result and its events, to the letter of the HTTP contract."""

import time

import pytest

from interlock.composition.jobs import jobs_app
from interlock.jobs import service
from tests.fakes.envelope import refused
from tests.fakes.store import Interposed, Moment
from tests.fakes.world import Answer, LambdaContext, World
from tests.pure.core.endpoint_jobs import UNKNOWN

PATHS = ["", "/result", "/events?after=2"]
WORKER = ["get", "change", "settle"]


def get(world: World, job_id: str, path: str = "", *, prefer: str = "wait=20") -> Answer:
    path, _, query = path.partition("?")
    after = {"after": [query.partition("=")[2]]} if query else None
    return world.request("GET", f"/v1/jobs/{job_id}{path}", headers={"Prefer": prefer}, query=after)


def run_at_second_read(world: World, monkeypatch: pytest.MonkeyPatch) -> Interposed:
    """Run the submitted job just before it is read for the second time."""
    monkeypatch.setattr(service, "FIRST_PAUSE_S", 0.0)
    between = world.store
    assert isinstance(between, Interposed)

    def hook(moment: Moment, name: str) -> None:
        if (moment, name) == ("before", "get") and between.calls.count("get") == 2:
            between.hook = lambda _moment, _name: None
            [(job_id, tenant)] = world.workflow.running.items()
            world.run_submitted(job_id, tenant)

    between.calls.clear()
    between.hook = hook
    return between


@pytest.mark.parametrize("path", PATHS)
def test_wait_returns_as_soon_as_the_job_has_finished(
    watched: World, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    job_id = watched.submit()
    between = run_at_second_read(watched, monkeypatch)
    answer = get(watched, job_id, path)
    assert answer.status == 200
    assert answer.headers["Preference-Applied"] == "wait=20"
    if path.startswith("/events"):
        assert [event["status"] for event in answer.body["events"]] == ["succeeded"]
    else:
        assert answer.body["status"] == "succeeded"
    assert between.calls == ["get", "get", *WORKER]


@pytest.mark.parametrize("path", PATHS)
def test_finished_job_is_returned_at_once_with_one_read(watched: World, path: str) -> None:
    job_id = watched.submit()
    watched.run_submitted(job_id)
    between = watched.store
    assert isinstance(between, Interposed)
    between.calls.clear()
    answer = get(watched, job_id, path)
    assert (answer.status, answer.headers["Preference-Applied"]) == (200, "wait=20")
    assert between.calls == ["get"]


def test_wait_for_events_ends_with_an_event_after_the_given_one(world: World) -> None:
    job_id = world.submit()
    began = time.monotonic()
    answer = get(world, job_id, "/events?after=0")
    assert [event["status"] for event in answer.body["events"]] == ["pending"]
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(("path", "status"), [("", 200), ("/result", 409), ("/events?after=1", 200)])
def test_expired_wait_has_the_status_of_a_request_without_wait(world: World, path: str, status: int) -> None:
    job_id = world.submit()
    world.request_age_s = 10
    began = time.monotonic()
    answer = get(world, job_id, path, prefer="wait=9")
    assert answer.status == status
    assert answer.headers["Preference-Applied"] == "wait=9"
    without = get(world, job_id, path, prefer="return=minimal")
    assert (without.status, "Preference-Applied" in without.headers) == (status, False)
    assert time.monotonic() - began < 5


def test_wait_for_an_unfinished_result_ends_with_409_and_retry_after(world: World) -> None:
    job_id = world.submit()
    answer = get(world, job_id, "/result", prefer="wait=0")
    error = refused(answer, 409, "not_finished", "ConflictError")
    assert error["job_id"] == job_id
    assert answer.headers["Retry-After"] == "1"
    assert answer.headers["Preference-Applied"] == "wait=0"


def test_wait_ends_before_the_invocation(world: World) -> None:
    world.context = LambdaContext(remaining_ms=900)
    assert get(world, world.submit()).status == 200


@pytest.mark.parametrize("path", PATHS)
def test_stack_without_waiting_ignores_the_preference(world: World, path: str) -> None:
    world.core.max_wait_s = 0
    world._jobs = jobs_app(world.core)
    began = time.monotonic()
    answer = get(world, world.submit(), path)
    assert "Preference-Applied" not in answer.headers
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("path", PATHS)
def test_request_without_a_wait_names_no_applied_preference(world: World, path: str) -> None:
    assert "Preference-Applied" not in get(world, world.submit(), path, prefer="respond-async").headers


@pytest.mark.parametrize("path", PATHS)
def test_invalid_wait_is_400_and_an_unknown_job_404(world: World, path: str) -> None:
    error = refused(get(world, world.submit(), path, prefer="wait=21"), 400, "invalid_request", "ValidationError")
    assert "from 0 to 20" in error["message"]
    for prefer in ("wait=21", "wait=20"):
        refused(get(world, UNKNOWN, path, prefer=prefer), 404, "not_found", "NotFoundError")
