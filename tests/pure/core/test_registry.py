"""The registry: the index, lifecycle states, and counters over all execution environments."""

import math
from collections.abc import Callable
from typing import Any

import pytest

from interlock.domain.deadline import Deadline
from interlock.domain.errors import ErrorCode, InvalidInput, PluginUnavailable, UnknownPlugin, UnknownTool
from interlock.domain.job_status import JobStatus
from interlock.domain.lifecycle import LifecycleState
from interlock.domain.outcome import Outcome
from interlock.plugins.registry import PluginRegistry
from tests.fakes.jobs import counted_job
from tests.fakes.plugins import a_broken_plugin, a_plugin, a_tool
from tests.fakes.sandbox import answered, echoes
from tests.fakes.world import World


@pytest.fixture
def world(world_of: Callable[..., World]) -> World:
    return world_of(
        a_plugin("ocr", a_tool("analyze"), a_tool("lines")),
        a_plugin("motion", a_tool("compare")),
        a_plugin("mapper", a_tool("analyze")),
        a_broken_plugin("speech", "needs torch: not installed"),
    )


@pytest.fixture
def registry(world: World) -> PluginRegistry:
    return world.core.registry


def count(
    world: World,
    status: JobStatus,
    *,
    plugin: str = "ocr",
    tool: str = "analyze",
    error: ErrorCode | None = None,
    elapsed_ms: float | None = 10.0,
) -> None:
    """Store a job in this status and count it."""
    world.jobs.create(counted_job(status, plugin=plugin, tool=tool, error=error, elapsed_ms=elapsed_ms))


def test_tool_is_found_by_name_and_the_first_is_the_default(registry: PluginRegistry) -> None:
    assert registry.find("ocr", "lines")[1].name == "lines"
    manifest, tool = registry.find("ocr", None)
    assert (manifest.name, tool.name) == ("ocr", "analyze")


@pytest.mark.parametrize("name", ["OCR", "", "../ocr", "plugins/ocr", "ocr.json", "ocr\0"])
def test_unknown_plugin_is_reported_with_the_known_ones(registry: PluginRegistry, name: str) -> None:
    with pytest.raises(UnknownPlugin, match=r"There are: mapper, motion, ocr, speech\."):
        registry.find(name, None)


def test_unknown_tool_is_reported_with_the_known_ones(registry: PluginRegistry) -> None:
    with pytest.raises(UnknownTool, match=r"It has: analyze, lines\."):
        registry.find("ocr", "compare")


def test_unavailable_plugin_is_reported_with_its_reason(registry: PluginRegistry) -> None:
    with pytest.raises(PluginUnavailable, match="needs torch: not installed") as caught:
        registry.find("speech", "whatever")
    assert caught.value.details == {"reason": "needs torch: not installed"}


def test_input_is_validated_against_the_schema_of_its_tool(registry: PluginRegistry) -> None:
    manifest, tool = registry.find("ocr", "analyze")
    assert registry.checked(manifest, tool, {"text": "x"}).input == {"text": "x"}
    with pytest.raises(InvalidInput, match=r"schema of ocr\.analyze: /text is required") as caught:
        registry.checked(manifest, tool, {})
    assert caught.value.details == {"errors": [{"path": "/text", "message": "is required"}]}


def test_output_is_validated_against_the_output_schema(world_of: Callable[..., World]) -> None:
    numbers = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    registry = world_of(a_plugin("sum", a_tool("add", output_schema=numbers))).core.registry
    manifest, tool = registry.find("sum", None)
    call = registry.checked(manifest, tool, {"text": "x"})
    assert registry.output_problems(call, {"n": 3}) == []
    assert registry.output_problems(call, {"text": "x"}) == [{"path": "/n", "message": "is required"}]


def test_broken_plugins_are_listed(registry: PluginRegistry) -> None:
    assert registry.names == ("mapper", "motion", "ocr", "speech")
    assert registry.manifest("speech").reason == "needs torch: not installed"


# --- Lifecycle in this environment ---


@pytest.mark.parametrize(
    ("outcome", "then"),
    [
        (Outcome.succeeded({}), LifecycleState.INITIALIZED),
        (Outcome.failed(ErrorCode.PLUGIN_EXCEPTION, ""), LifecycleState.FAILED),
        (Outcome.timed_out(Deadline(math.inf, 1), "killed"), LifecycleState.FAILED),
        (Outcome.failed(ErrorCode.INVALID_INPUT, ""), LifecycleState.LOADED),
        (Outcome.cancelled("stopped"), LifecycleState.LOADED),
    ],
)
def test_outcome_changes_the_lifecycle_state_only_if_the_plugin_caused_it(
    registry: PluginRegistry, outcome: Outcome, then: LifecycleState
) -> None:
    call = registry.checked(*registry.find("ocr", None), {"text": "x"})
    assert registry.start_run("ocr") is LifecycleState.LOADED
    registry.record(call, LifecycleState.LOADED, outcome)
    assert registry.start_run("ocr") is then
    assert registry.start_run("motion") is LifecycleState.LOADED


# --- Health ---


def test_plugin_that_never_ran_is_loaded(registry: PluginRegistry) -> None:
    health = registry.health("ocr")
    assert health.state is LifecycleState.LOADED
    assert set(health.tools) == {"analyze", "lines"}
    assert health.metrics.succeeded == 0


def test_broken_plugin_is_unavailable_whatever_its_counters(world: World) -> None:
    count(world, JobStatus.SUCCEEDED, plugin="speech", tool="say")
    count(world, JobStatus.RUNNING, plugin="speech", tool="say")
    health = world.core.registry.health("speech")
    assert health.state is LifecycleState.UNAVAILABLE
    assert health.metrics.succeeded == 1


def test_plugin_with_a_job_in_flight_is_running(world: World) -> None:
    count(world, JobStatus.FAILED, error=ErrorCode.TIMEOUT)
    count(world, JobStatus.RUNNING)
    assert world.core.registry.health("ocr").state is LifecycleState.RUNNING


def test_plugin_is_unavailable_from_a_failed_load_to_the_next_successful_run(
    world_of: Callable[..., World],
) -> None:
    world = world_of(a_plugin("echo", a_tool("say")))

    def health() -> tuple[Any, Any]:
        body = world.request("GET", "/v1/plugins/echo/health").body
        return body["state"], body["reason"]

    world.sandbox.script = lambda _: answered("unavailable", "LookupError: no such model")
    for _ in range(2):
        assert world.execute().error["code"] == "plugin_unavailable"
        assert health() == ("UNAVAILABLE", "LookupError: no such model")
    assert world.request("GET", "/v1/plugins").body["unavailable"] == 1
    world.sandbox.script = echoes
    assert world.execute().status == 200
    assert health() == ("INITIALIZED", None)


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (None, LifecycleState.INITIALIZED),
        (ErrorCode.PLUGIN_CRASHED, LifecycleState.FAILED),
        (ErrorCode.INVALID_INPUT, LifecycleState.INITIALIZED),
    ],
)
def test_idle_plugin_has_the_state_of_its_last_run(
    world: World, error: ErrorCode | None, state: LifecycleState
) -> None:
    count(world, JobStatus.SUCCEEDED)
    count(world, JobStatus.FAILED if error else JobStatus.SUCCEEDED, error=error)
    assert world.core.registry.health("ocr").state is state


def test_counters_are_reported_in_total_and_by_tool(world: World) -> None:
    count(world, JobStatus.SUCCEEDED, tool="analyze")
    count(world, JobStatus.SUCCEEDED, tool="lines")
    count(world, JobStatus.CANCELLED, tool="lines", error=ErrorCode.CANCELLED, elapsed_ms=None)
    health = world.core.registry.health("ocr")
    assert (health.metrics.succeeded, health.metrics.cancelled, health.metrics.executed) == (2, 1, 2)
    assert (health.tools["analyze"].succeeded, health.tools["analyze"].cancelled) == (1, 0)
    assert (health.tools["lines"].succeeded, health.tools["lines"].cancelled) == (1, 1)


def test_counters_of_a_removed_tool_are_reported(world: World) -> None:
    count(world, JobStatus.SUCCEEDED, tool="retired")
    health = world.core.registry.health("ocr")
    assert health.metrics.succeeded == 1
    assert set(health.tools) == {"analyze", "lines", "retired"}


@pytest.mark.parametrize("call", ["manifest", "health"])
def test_manifest_and_health_of_an_unknown_plugin_raise_unknown_plugin(registry: PluginRegistry, call: str) -> None:
    method: Callable[[str], Any] = getattr(registry, call)
    with pytest.raises(UnknownPlugin):
        method("nope")
