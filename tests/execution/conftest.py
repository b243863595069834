"""One local stack for the tests that call it over HTTP, and what tests of hostile plugins say of each call."""

import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from interlock_dev.local_client import Client, local_stack

ROOT = Path(__file__).parents[2]
PLUGINS = Path(__file__).parent / "plugins"
ADDED = (
    *("hostile.py", "talkative.py", "adversaries", "unready", "slow_import.py", "import_raises_at_work.py"),
    *("import_raises.py", "import_exits.py", "import_dies.py", "import_segfaults.py", "import_misses.py"),
)


@pytest.fixture(scope="session")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A client of a local stack to which the hostile plugins were added."""
    log = tmp_path_factory.mktemp("stack") / "stack.log"
    options = [option for name in ADDED for option in ("--plugin", str(PLUGINS / name))]
    with local_stack(ROOT, log, *options) as (client, _):
        yield client


@pytest.fixture(scope="session")
def mark() -> str:
    """The name that all processes take which the adversaries start. It is of this session alone: on the same machine
    others may run."""
    return f"il-{secrets.token_hex(6)}"


@pytest.fixture
def left_running(mark: str) -> Callable[[], set[int]]:
    """Finds what plugins have started and is still running, by its name or its command line."""

    def find() -> set[int]:
        return {int(folder.name) for folder in Path("/proc").glob("[0-9]*") if _runs_as(folder, mark.encode())}

    return find


def _runs_as(folder: Path, mark: bytes) -> bool:
    try:
        told = (folder / "stat").read_bytes(), (folder / "cmdline").read_bytes()
    except OSError:
        return False
    ended = told[0].rpartition(b")")[2].split()[0] == b"Z"
    return not ended and any(mark in one for one in told)


@pytest.fixture
def works(client: Client, mark: str, left_running: Callable[[], set[int]]) -> Callable[..., dict[str, Any]]:
    """Runs a tool of an adversary, which has to succeed and to leave nothing running; returns the result. Then the
    next call to the same plugin has to work."""

    def call(plugin: str, tool: str, **input: str) -> dict[str, Any]:
        answer = client.execute(plugin, tool, {"mark": mark, **input})
        assert (answer.status, answer.body.get("status")) == (200, "succeeded"), answer.body
        assert left_running() == set()
        # What the process was left with shows in the next run or, when it ends of it too late, in the one after.
        _echoes(client, plugin)
        _echoes(client, plugin)
        result: dict[str, Any] = answer.body["result"]
        return result

    return call


@pytest.fixture
def fails(client: Client, mark: str, left_running: Callable[[], set[int]]) -> Callable[..., dict[str, Any]]:
    """The same for a tool that has to fail: 400 with this code, and a job that tells the same; returns the error."""

    def call(plugin: str, tool: str, code: str, **input: str) -> dict[str, Any]:
        answer = client.execute(plugin, tool, {"mark": mark, **input})
        assert (answer.status, answer.code) == (400, code), answer.body
        assert left_running() == set()
        error: dict[str, Any] = answer.body["error"]
        assert (error["plugin"], error["tool"]) == (plugin, tool)
        job = client.job(error["job_id"])
        assert (job["status"], job["error"]) == ("timed_out" if code == "timeout" else "failed", error)
        _echoes(client, plugin)
        return error

    return call


def _echoes(client: Client, plugin: str) -> None:
    text = secrets.token_hex(4)
    answer = client.execute(plugin, "echo", {"way": text})
    assert (answer.status, answer.body.get("status")) == (200, "succeeded"), answer.body
    assert answer.body["result"]["text"] == text
