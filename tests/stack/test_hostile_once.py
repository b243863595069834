"""Hostile tools with `isolation="run"`: one of each kind. `make faults` runs all the others in this way as well."""

from collections.abc import Callable
from typing import Any

import pytest

from interlock_dev.stack.client import Client

pytestmark = pytest.mark.xdist_group("hostile-exceptions")

type Call = Callable[..., dict[str, Any]]


@pytest.mark.parametrize(
    ("plugin", "way", "code"),
    [
        ("raising", "base_exception", "plugin_exception"),
        ("dying", "os_exit", "plugin_crashed"),
        ("lying", "nan", "invalid_output"),
    ],
)
def test_failure_in_a_process_for_one_run_is_reported(fails: Call, plugin: str, way: str, code: str) -> None:
    assert fails(plugin, "once", code, way=way)["type"] == "PluginError"


@pytest.mark.parametrize("way", ["ignores all signals", "closes stdout and stderr"])
def test_vandalized_process_for_one_run_serves_no_other(works: Call, way: str) -> None:
    assert works("vandal", "once", way=way)["text"] == way


@pytest.mark.parametrize("tool", ["leaves_a_thread", "outlives"])
def test_threads_and_processes_end_with_a_process_for_one_run(works: Call, tool: str) -> None:
    works("greedy", "once", other=tool)


def test_process_for_one_run_cannot_reach_the_runtime_api(works: Call) -> None:
    reached = works("reaching", "once", other="connects", way="connects")["facts"]
    assert set(reached.values()) == {"PermissionError"}


def test_process_for_one_run_is_stopped_at_its_time_limit(client: Client) -> None:
    answer = client.execute("stuck", "once", {"way": "sleeps"}, timeout_s=1)
    assert (answer.status, answer.code) == (400, "timeout")
    assert client.execute("stuck", "once", {"other": "echo", "way": "next"}).body["result"]["text"] == "next"


def test_pages_of_the_plugins_show_the_isolation(client: Client) -> None:
    tools = client.call("GET", "/v1/plugins/dying").body["tools"]
    assert {one["name"] for one in tools if one["isolation"] == "run"} >= {"once"}
