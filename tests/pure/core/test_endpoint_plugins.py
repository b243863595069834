"""The routes below `/v1/plugins`, and the two routes that need no key."""

import json
from collections.abc import Callable
from copy import replace
from pathlib import Path
from typing import Any

import pytest

import interlock
from interlock.domain.deadline import Deadline
from interlock.domain.fork_safety import ForkFinding
from interlock.domain.job_status import JobStatus
from interlock.domain.lifecycle import LifecycleState
from interlock.http.routes_plugins import PluginListText
from interlock.plugins.registry import ListedPlugin
from interlock.sandbox import Ending, TimedOut
from tests.fakes.envelope import refused
from tests.fakes.jobs import counted_job
from tests.fakes.plugins import a_plugin, a_tool
from tests.fakes.sandbox import Run, answered, echoes
from tests.fakes.world import World

COUNTERS = {
    "success_count", "error_count", "cancelled_count", "timed_out_count", "last_execution_time_ms",
    "avg_execution_time_ms", "p50_ms", "p95_ms", "p99_ms", "last_used",
}  # fmt: skip
FORK_SAFE = {"fork_safe": True, "fork_unsafe_reason": None}
NEVER_USED: dict[str, Any] = {name: 0 if name.endswith("_count") else None for name in COUNTERS}


def health(world: World, name: str = "echo") -> dict[str, Any]:
    answer = world.request("GET", f"/v1/plugins/{name}/health")
    assert answer.status == 200
    found: dict[str, Any] = answer.body
    return found


def test_plugins_are_listed_with_the_reason_of_the_broken_one(world: World) -> None:
    answer = world.request("GET", "/v1/plugins")
    assert answer.status == 200
    assert {name: answer.body[name] for name in ("total", "available", "failed", "unavailable")} == {
        "total": 2,
        "available": 1,
        "failed": 0,
        "unavailable": 1,
    }
    broken, echo = answer.body["plugins"]
    assert (broken["name"], broken["state"], broken["reason"], broken["tools"]) == (
        "broken",
        "UNAVAILABLE",
        "needs torch: not installed",
        [],
    )
    assert echo == {
        "name": "echo",
        "version": "1.0.0",
        "title": "Echo",
        "description": "The plugin echo.",
        "state": "LOADED",
        "reason": None,
        **FORK_SAFE,
        "tools": ["say", "shout"],
    }


def test_failed_plugin_counts_as_failed_and_not_as_available(world: World) -> None:
    world.sandbox.script = lambda _: answered("exception", {"exception": "E", "message": "m"})
    world.execute()
    body = world.request("GET", "/v1/plugins").body
    assert (body["total"], body["available"], body["failed"], body["unavailable"]) == (2, 0, 1, 1)


def test_list_of_plugins_is_encoded_again_only_for_other_plugins() -> None:
    text, plugins = PluginListText(), [listed(LifecycleState.LOADED)]
    assert text.of(plugins) is text.of(plugins)
    assert json.loads(text.of(plugins))["plugins"][0]["state"] == "LOADED"
    assert json.loads(text.of([listed(LifecycleState.FAILED)]))["plugins"][0]["state"] == "FAILED"


def listed(state: LifecycleState) -> ListedPlugin:
    return ListedPlugin(a_plugin("echo").summary(), state, None)


def test_manifest_has_the_fields_of_the_contract(world: World) -> None:
    answer = world.request("GET", "/v1/plugins/echo")
    assert answer.status == 200
    assert set(answer.body) == {"name", "version", "title", "description", "tools", *FORK_SAFE, "settings"}
    assert [tool["name"] for tool in answer.body["tools"]] == ["say", "shout"]
    for tool in answer.body["tools"]:
        assert set(tool) == {
            *("name", "title", "description", "timeout_s", "memory_mb", "network", "isolation"),
            *("read_only", "idempotent", "destructive", "task"),
            *("input_schema", "output_schema"),
        }  # fmt: skip


def fork_safety(world: World) -> list[tuple[bool, str | None]]:
    """Return `fork_safe` and its reason from the list of plugins, the manifest and the health of `echo`."""
    shown = [
        next(one for one in world.request("GET", "/v1/plugins").body["plugins"] if one["name"] == "echo"),
        world.request("GET", "/v1/plugins/echo").body,
        health(world),
    ]
    return [(one["fork_safe"], one["fork_unsafe_reason"]) for one in shown]


def test_plugin_that_a_run_found_not_to_be_fork_safe_says_why(world: World) -> None:
    def loads(run: Run) -> Ending:
        run.on_unforkable("loading it leaves behind: 2 threads")
        return echoes(run)

    assert fork_safety(world) == [(True, None)] * 3
    world.sandbox.script = loads
    assert world.execute().status == 200
    world.sandbox.script = echoes
    assert world.execute().status == 200, "a run that has loaded nothing"
    assert fork_safety(world) == [(False, "loading it leaves behind: 2 threads")] * 3


def test_finding_about_another_version_of_a_plugin_is_not_shown(world: World) -> None:
    finding = ForkFinding("0.9.0", "loading it leaves behind: 2 threads")
    world.jobs.create(counted_job(JobStatus.SUCCEEDED, fork_finding=finding))
    assert fork_safety(world) == [(True, None)] * 3


def test_plugin_that_declares_not_to_be_fork_safe_shows_it(world_of: Callable[..., World]) -> None:
    world = world_of(replace(a_plugin("echo", a_tool("say")), fork_safe=False))
    assert fork_safety(world) == [(False, "the plugin declares fork_safe = False")] * 3


def test_module_path_of_a_plugin_is_not_public(world: World) -> None:
    for path in ("/v1/plugins", "/v1/plugins/echo", "/v1/plugins/echo/health", "/v1/plugins/broken"):
        assert "plugins.echo" not in json.dumps(world.request("GET", path).body)


@pytest.mark.parametrize("path", ["/v1/plugins/nope", "/v1/plugins/nope/health", "/v1/plugins/..", "/v1/plugins/ECHO"])
def test_unknown_plugin_returns_404(world: World, path: str) -> None:
    refused(world.request("GET", path), 404, "not_found", "NotFoundError")


def test_health_of_a_plugin_that_never_ran(world: World) -> None:
    assert health(world) == {
        "name": "echo",
        "version": "1.0.0",
        "state": "LOADED",
        "reason": None,
        **FORK_SAFE,
        "as_of": None,
        **NEVER_USED,
        "tools": {"say": NEVER_USED, "shout": NEVER_USED},
    }


def test_health_of_a_broken_plugin_has_its_reason(world: World) -> None:
    found = health(world, "broken")
    assert (found["state"], found["reason"], found["tools"]) == ("UNAVAILABLE", "needs torch: not installed", {})


def test_health_counts_every_outcome_by_plugin_and_by_tool(world: World) -> None:
    world.execute()
    world.execute(tool="shout")
    world.sandbox.script = lambda _: answered("exception", {"exception": "E", "message": "m"})
    world.execute()
    world.sandbox.script = lambda _: TimedOut(pid=1, how="killed", while_loading=False)
    world.execute()
    world.core.service.cancel("acme", world.submit(), None)
    found = health(world)
    assert [found[f"{name}_count"] for name in ("success", "error", "timed_out", "cancelled")] == [2, 1, 1, 1]
    say, shout = found["tools"]["say"], found["tools"]["shout"]
    assert [say[f"{name}_count"] for name in ("success", "error", "timed_out", "cancelled")] == [1, 1, 1, 1]
    assert [shout[f"{name}_count"] for name in ("success", "error", "timed_out", "cancelled")] == [1, 0, 0, 0]
    assert found["last_used"] == "2026-11-22T12:00:00.000Z"


def test_invalid_input_and_cancel_keep_the_lifecycle_state(world: World) -> None:
    world.execute()
    assert health(world)["state"] == "INITIALIZED"
    world.execute(input={})
    world.sandbox.script = lambda _: answered("invalid_input", {"message": "m", "errors": []})
    world.execute()
    assert health(world)["state"] == "INITIALIZED"
    world.sandbox.script = lambda _: TimedOut(pid=1, how="killed", while_loading=False)
    world.execute()
    world.core.service.cancel("acme", world.submit(), None)
    assert health(world)["state"] == "FAILED"


def test_plugin_is_running_while_its_job_runs(world: World) -> None:
    states = []

    def looks(run: Run) -> Ending:
        states.append(health(world)["state"])
        return echoes(run)

    world.sandbox.script = looks
    world.runner.run_pending("acme", world.submit(), deadline=Deadline.after(800))
    assert states == ["RUNNING"]
    assert health(world)["state"] == "INITIALIZED"


def test_health_shows_last_average_and_percentile_times(world: World) -> None:
    for elapsed_ms in [10.0] * 95 + [1000.0] * 5:
        world.jobs.create(counted_job(JobStatus.SUCCEEDED, elapsed_ms=elapsed_ms))
    found = health(world)
    assert (found["last_execution_time_ms"], found["avg_execution_time_ms"]) == (1000.0, 59.5)
    assert found["p50_ms"] == pytest.approx(10, rel=0.0393)
    assert found["p95_ms"] == pytest.approx(10, rel=0.0393)
    assert found["p99_ms"] == pytest.approx(1000, rel=0.0393)
    assert all(round(found[name], 3) == found[name] for name in ("p50_ms", "p95_ms", "p99_ms"))


# --- Without a key ---


@pytest.mark.parametrize("tenant", ["", "acme"])
def test_health_needs_no_key(world: World, tenant: str) -> None:
    answer = world.request("GET", "/v1/health", tenant=tenant, scopes="")
    assert (answer.status, answer.body) == (200, {"status": "ok", "version": interlock.__version__})


def test_openapi_document_needs_no_key(world: World) -> None:
    answer = world.request("GET", "/v1/openapi.json", tenant="")
    assert answer.status == 200
    assert answer.body["openapi"].startswith("3.1")
    assert answer.body["info"]["title"] == "Interlock"


def test_health_returns_200_while_the_table_is_down(world: World) -> None:
    world.jobs.down = True
    assert world.request("GET", "/v1/health").status == 200
    refused(world.request("GET", "/v1/plugins"), 503, "unavailable", "ServiceError")


# --- Issuer of tokens ---


def test_metadata_names_the_issuer_of_tokens(tmp_path: Path) -> None:
    world = World(tmp_path, a_plugin(), oidc_issuer="https://login.example")
    headers = {"Host": "a1.example", "X-Forwarded-Proto": "https"}
    answer = world.request("GET", "/.well-known/oauth-protected-resource", headers=headers, tenant="")
    assert (answer.status, answer.body["resource"]) == (200, "https://a1.example/mcp")
    assert answer.body["authorization_servers"] == ["https://login.example"]
    assert answer.body["scopes_supported"] == ["plugins:read", "execute", "jobs:read", "jobs:cancel"]


def test_there_is_no_metadata_without_an_issuer(world: World) -> None:
    answer = world.request("GET", "/.well-known/oauth-protected-resource", tenant="")
    assert (answer.status, answer.error["code"]) == (404, "not_found")
