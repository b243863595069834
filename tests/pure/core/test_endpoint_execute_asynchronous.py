"""`POST /v1/execute` with `Prefer: respond-async`, to the letter of the HTTP contract."""

import json
import time
from collections.abc import Callable

import pytest

from interlock.domain.deadline import Deadline
from interlock.jobs import service
from interlock.sandbox import Ending, WorkerLost
from tests.fakes.envelope import refused
from tests.fakes.plugins import a_plugin, a_tool
from tests.fakes.sandbox import Run, echoes
from tests.fakes.store import Interposed, Moment
from tests.fakes.world import LambdaContext, World, rest_event


def test_respond_async_returns_202_with_the_pending_job_and_its_location(world: World) -> None:
    answer = world.execute(prefer="respond-async", tool="shout", timeout_s=50)
    assert answer.status == 202
    job_id = answer.body["job_id"]
    assert answer.headers["Location"] == f"/v1/jobs/{job_id}"
    assert answer.headers["Preference-Applied"] == "respond-async"
    assert answer.body == world.request("GET", f"/v1/jobs/{job_id}").body
    assert (answer.body["status"], answer.body["tool"], answer.body["timeout_s"]) == ("pending", "shout", 50.0)
    assert world.workflow.running == {job_id: "acme"}
    assert world.sandbox.runs == []


def test_whole_number_timeout_is_shown_as_a_float(world_of: Callable[..., World]) -> None:
    world = world_of(a_plugin("echo", a_tool("say", timeout_s=60)))
    answer = world.execute(prefer="respond-async")
    assert json.dumps(answer.body["timeout_s"]) == "60.0"


def test_asynchronous_job_gets_the_full_time_limit_of_its_tool(world: World) -> None:
    assert world.execute(prefer="respond-async", tool="shout").body["timeout_s"] == 100.0


def finish_at_second_poll(
    world: World, monkeypatch: pytest.MonkeyPatch, script: Callable[[Run], Ending] = echoes
) -> None:
    """Run the job when the waiting request polls for the second time."""
    monkeypatch.setattr(service, "FIRST_PAUSE_S", 0.0)
    world.sandbox.script = script
    polls: list[str] = []
    between = world.store
    assert isinstance(between, Interposed)

    def hook(moment: Moment, name: str) -> None:
        if (moment, name) == ("before", "get"):
            polls.append(name)
            if len(polls) == 2:
                [(job_id, tenant)] = world.workflow.running.items()
                world.runner.run_pending(tenant, job_id, deadline=Deadline.after(800))

    between.hook = hook


def test_wait_returns_200_as_soon_as_the_job_has_finished(watched: World, monkeypatch: pytest.MonkeyPatch) -> None:
    finish_at_second_poll(watched, monkeypatch)
    answer = watched.execute(prefer="respond-async, wait=20")
    assert answer.status == 200
    assert (answer.body["status"], answer.body["result"]) == ("succeeded", {"text": "hello"})
    assert "Location" not in answer.headers


def test_wait_returns_the_error_envelope_when_the_job_fails(watched: World, monkeypatch: pytest.MonkeyPatch) -> None:
    finish_at_second_poll(watched, monkeypatch, lambda _: WorkerLost(pid=1))
    error = refused(watched.execute(prefer="respond-async, wait=20"), 400, "worker_lost", "ExecutionError")
    assert error["job_id"] == watched.jobs.all_jobs[0].job_id


@pytest.mark.parametrize(("wait_s", "remaining_ms"), [(0, 29_000), (20, 900)])
def test_wait_that_is_over_returns_202(world: World, wait_s: int, remaining_ms: int) -> None:
    world.context = LambdaContext(remaining_ms)
    assert world.execute(prefer=f"respond-async, wait={wait_s}").status == 202


def test_wait_is_measured_from_the_time_of_the_request(world: World) -> None:
    world.request_age_s = 10
    began = time.monotonic()
    assert world.execute(prefer="respond-async, wait=9").status == 202
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    ("path", "before"),
    [
        ("/v1/execute", ""),
        ("/prod/v1/execute", "/prod"),
        ("/tools/v1/execute", "/tools"),  # the base path of a domain
    ],
)
def test_location_has_the_path_of_the_stage(world: World, path: str, before: str) -> None:
    event = rest_event(
        "POST",
        "/v1/execute",
        text='{"plugin": "echo", "input": {"text": "x"}}',
        headers={"Prefer": "respond-async"},
        authorizer={"tenant": "acme", "scopes": "admin"},
    )
    event["requestContext"]["path"] = path
    answer = world._execute.resolve(event, world.context)
    job_id = json.loads(answer["body"])["job_id"]
    assert answer["multiValueHeaders"]["Location"] == [f"{before}/v1/jobs/{job_id}"]


def test_wait_alone_permits_a_202(world: World) -> None:
    answer = world.execute(prefer="wait=0")
    assert (answer.status, answer.headers["Preference-Applied"]) == (202, "wait=0")
    assert int(answer.headers["Retry-After"]) >= 1
