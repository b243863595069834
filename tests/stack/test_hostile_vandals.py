"""A tool that leaves its process changed does not affect the next run."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from interlock.sandbox.wire.processes import children
from interlock_dev.stack.client import Client
from tests.stack.conftest import ISOLATION
from tests.stack.outside import Family, struck

pytestmark = pytest.mark.xdist_group("hostile-vandals")

type Call = Callable[..., dict[str, Any]]


@pytest.mark.parametrize(
    "way",
    [
        *("garbage", "text that is none", "closes stdout and stderr", "closes descriptors 1 and 2"),
        *("replaces sys.stdout", "broken sys.stdout", "no sys.stdout"),
        *("json.dumps", "json.JSONEncoder", "json.encoder", "print and open", "time", "logging"),
        *("sys.modules", "sys.excepthook", "recursion limit"),
        *("garbage collector", "warnings are errors"),
        *("ignores all signals", "handles all signals", "blocks all signals", "exit hooks", "thread that hogs"),
        *("own lock", "limits", "both return"),
        *("removes its folder", "puts a file in its folder's place"),
    ],
)
def test_a_vandalized_process_serves_no_other_call(works: Call, way: str) -> None:
    assert works("vandal", "go", way=way)["text"] == way


@pytest.mark.parametrize("way", ["builtins", "os", "signal", "trace"])
def test_process_that_can_no_longer_respond_has_crashed(fails: Call, way: str) -> None:
    assert fails("vandal", "go", "plugin_crashed", way=way)["details"] == {"exit_code": 70}


def test_repeatedly_failing_process_is_given_up(client: Client, mark: str) -> None:
    """Damage to the plugin's own code is not detected. The process is replaced after three failed calls."""
    assert client.execute("vandal", "go", {"mark": mark, "way": "the plugin API"}).status == 200
    codes = [client.execute("vandal", "echo", {}).code for _ in range(5)]
    failing = 3 if ISOLATION == "tenant" else 0
    assert codes == ["plugin_exception"] * failing + [None] * (5 - failing)


def test_an_alarm_does_not_ring_in_the_next_run(client: Client) -> None:
    assert client.execute("vandal", "go", {"way": "alarm"}).status == 200
    answer = client.execute("vandal", "waits_for_an_alarm", {})
    assert (answer.status, answer.code) == (200, None)


def test_closing_all_descriptors_is_a_crash(fails: Call) -> None:
    # The process can no longer respond, so it ends.
    details = fails("vandal", "closes_all_descriptors", "plugin_crashed")["details"]
    assert details.keys() == {"exit_code"}
    assert details["exit_code"] > 0


def test_printing_to_a_closed_stream_is_the_plugins_failure(fails: Call) -> None:
    assert fails("vandal", "prints_after_closing", "plugin_exception")["details"] == {"exception": "ValueError"}


def test_the_next_run_finds_the_surroundings_as_they_were(works: Call) -> None:
    def told() -> Any:
        return works("vandal", "tells_surroundings")["facts"]

    before = told()
    assert before["directory"] == before["temporary"] == "<own>"
    assert (before["listed"], before["descriptors"]) == ([], [0, 1, 2, 3, 4, 5])
    changed = works("vandal", "changes_surroundings")["facts"]
    assert {name for name in before if changed[name] == before[name]} == {"listed", "descriptors"}
    assert told() == before


@pytest.mark.parametrize("way", ["puts a link in its folder's place", "links in its folder", "moves its folder"])
def test_cleanup_after_a_run_follows_no_link(works: Call, tmp_path: Path, way: str) -> None:
    kept = tmp_path / "kept"
    kept.write_text("not the plugin's")
    works("vandal", "go", way=way, path=str(tmp_path))
    assert kept.read_text() == "not the plugin's"
    assert list(tmp_path.iterdir()) == [kept]


def test_a_file_lock_kept_by_a_tool_blocks_no_other_run(works: Call, tmp_path: Path) -> None:
    works("vandal", "go", way="file lock", path=str(tmp_path / "lock"))


@pytest.mark.parametrize("way", ["kills its siblings", "stops its siblings"])
def test_siblings_are_out_of_reach(client: Client, fails: Call, way: str) -> None:
    for name in ("lying", "raising"):
        assert client.execute(name, "echo", {}).status == 200
    assert fails("vandal", "go", "plugin_exception", way=way)["details"] == {"exception": "PermissionError"}
    for name in ("lying", "raising"):
        assert client.execute(name, "echo", {}).status == 200


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_killing_idle_worker_processes_does_not_harm_their_plugins(client: Client, tmp_path: Path, number: int) -> None:
    hit: set[int] = set()

    def strike(family: Family) -> None:
        hit.update(children(family.zygote) - {family.worker})
        for pid in hit:
            os.kill(pid, number)
        (tmp_path / "pid.end").touch()

    for name in ("lying", "raising"):
        assert client.execute(name, "echo", {}).status == 200
    assert struck(client, tmp_path / "pid", strike).status == 200
    assert hit
    for name in ("lying", "raising"):
        assert client.execute(name, "echo", {}).status == 200


def test_plugin_finds_no_secrets_in_its_environment_or_its_parents(works: Call) -> None:
    """The runtime's own environment is not checked: root can read it locally, but nothing can on Lambda."""
    facts = works("vandal", "looks_for_secrets")["facts"]
    assert "PATH" in facts["own"]
    assert "PATH" in facts["own as started"]
    assert facts["zygote"]
    for place in ("own", "own as started", "zygote"):
        found = {name for name in facts[place] if name.startswith(("AWS_", "INTERLOCK_", "_HANDLER", "LAMBDA_"))}
        assert found == set(), place
