"""A tool that exhausts a resource is stopped at a limit, or the resource is free again after its run."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from interlock_dev.stack.client import Client

pytestmark = pytest.mark.xdist_group("hostile-appetites")

type Call = Callable[..., dict[str, Any]]


@pytest.mark.parametrize("way", ["python", "objects", "native", "shared", "at_once"])
def test_a_memory_bomb_meets_its_limit(fails: Call, way: str) -> None:
    error = fails("greedy", "fills_memory", "memory_exceeded", way=way)
    assert (error["type"], error["details"]) == ("ExecutionError", {"memory_mb": 128})


def test_the_memory_of_children_counts(fails: Call) -> None:
    assert fails("greedy", "fills_memory_with_children", "memory_exceeded")["details"] == {"memory_mb": 256}


def test_500_forks_have_ended_with_the_run(works: Call) -> None:
    assert works("greedy", "forks_500")["number"] == 500


@pytest.mark.parametrize("tool", ["fork_bomb", "runs_away", "outlives"])
def test_processes_end_with_their_run(works: Call, tool: str) -> None:
    works("greedy", tool)


@pytest.mark.parametrize(("tool", "number"), [("starts_1000_threads", 1000), ("leaves_a_thread", 1)])
def test_threads_end_with_their_run(works: Call, tool: str, number: int) -> None:
    assert works("greedy", tool)["number"] == number


def test_running_out_of_descriptors_is_the_plugins_failure(fails: Call) -> None:
    assert fails("greedy", "opens_all_descriptors", "plugin_exception")["details"] == {"exception": "OSError"}


def test_a_result_of_100_mb_is_too_large(fails: Call) -> None:
    error = fails("greedy", "returns_100_mb", "output_too_large")
    assert error["type"] == "PluginError"
    assert error["details"]["size_bytes"] > 100_000_000
    assert error["details"]["limit_bytes"] == 1769 * 1024 * 1024 // 100, "a hundredth of the function's memory"


def test_a_full_folder_goes_with_its_run(works: Call) -> None:
    result = works("greedy", "fills_its_folder")
    assert result["number"] == 300 * 1024 * 1024
    assert not Path(result["text"]).exists()


def test_deep_unreadable_folder_is_removed_with_its_run(works: Call) -> None:
    assert not Path(works("greedy", "digs_a_deep_folder")["text"]).exists()


@pytest.mark.parametrize("tool", ["prints_without_end", "logs_without_end"])
def test_endless_output_does_no_harm(works: Call, tool: str) -> None:
    assert works("greedy", tool)["text"] == "said it all"


def test_endless_progress_keeps_the_last_report(client: Client) -> None:
    job_id = client.submit("greedy", "tells_progress_without_end", {})
    job = client.until_final(job_id)
    assert job["status"] == "succeeded"
    assert (job["progress"]["fraction"], job["progress"]["message"]) == (1, "the last")
    assert client.call("GET", f"/v1/jobs/{job_id}/result").body["result"]["number"] == 40_000
    assert client.execute("greedy", "echo", {}).status == 200


def test_invalid_progress_is_sanitized(client: Client) -> None:
    job = client.until_final(client.submit("greedy", "tells_odd_progress", {}))
    assert job["status"] == "succeeded"
    assert client.execute("greedy", "echo", {}).status == 200
    assert 0 <= job["progress"]["fraction"] <= 1
    assert job["progress"]["message"].startswith("half of a pair: ?")
    assert len(job["progress"]["message"]) == 200


def test_progress_in_words_is_the_plugins_failure(fails: Call) -> None:
    assert fails("greedy", "tells_progress_in_words", "plugin_exception")["details"] == {"exception": "ValueError"}
