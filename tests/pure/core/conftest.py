"""Fixtures of the tests of endpoints, jobs, the ToolRunner and its worker processes."""

import json
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from interlock.jobs import lease
from interlock.sandbox import CancelToken, Channel
from interlock.tools import worker_plugin
from interlock.tools.tool_runner import serve
from interlock.tools.worker_diagnostics import InterpreterReports
from interlock.tools.worker_plugin import load
from tests.fakes.plugins import a_plugin, a_tool
from tests.fakes.store import Interposed, MemoryJobs
from tests.fakes.world import World
from tests.pure.core.job_runner_stage import Stage
from tests.pure.core.job_service_setting import Setting
from tests.pure.core.probe_plugin import PLUGIN, Ask, RecordingChannel
from tests.pure.core.runner_harness import Harness


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


@pytest.fixture
def immediate_claim(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the claim of a synchronous run written when the run starts."""
    monkeypatch.setattr(lease, "CLAIM_DELAY_S", 0)


@pytest.fixture
def quick_heartbeat(monkeypatch: pytest.MonkeyPatch, immediate_claim: None) -> None:
    monkeypatch.setattr(lease, "HEARTBEAT_S", 0.002)


@pytest.fixture
def at() -> Setting:
    return Setting()


@pytest.fixture
def watched(tmp_path: Path) -> World:
    """A world with an `Interposed` store."""
    inner = MemoryJobs()
    world = World(tmp_path, a_plugin("echo", a_tool("say")), store=Interposed(inner))
    world.jobs = inner
    return world


@pytest.fixture
def channel(tmp_path: Path) -> RecordingChannel:
    return RecordingChannel(tmp_path)


@pytest.fixture
def ask(tmp_path: Path, channel: RecordingChannel, monkeypatch: pytest.MonkeyPatch) -> Ask:
    """Run a tool of the probe plugin in the worker code; return the verdict and its detail."""
    file = tmp_path / "probe.py"
    file.write_text(PLUGIN)
    plugins: list[Any] = []
    monkeypatch.setattr(worker_plugin, "_plugins", plugins)
    monkeypatch.setattr(worker_plugin, "_failures_in_a_row", [])
    monkeypatch.setattr(worker_plugin, "_reports", InterpreterReports())
    for module, name in ((threading, "excepthook"), (sys, "unraisablehook"), (warnings, "showwarning")):
        monkeypatch.setattr(module, name, getattr(module, name))  # restored after the test

    def _ask(tool: str, text: str = "hello", source: str | None = None) -> tuple[str, Any]:
        if source is not None:
            file.write_text(source)
        if not plugins:
            code = {"module": "probe", "class_name": "Probe", "path": str(file)}
            refused = load(json.dumps(code).encode(), cast("Channel", channel))
            if refused is not None:
                return tuple(json.loads(refused).values())
        request = {
            "tool": tool,
            "input": {"text": text},
            "files": [],
            "job_id": "JOB",
        }
        answer = json.loads(serve(json.dumps(request).encode(), cast("Channel", channel)))
        return answer["verdict"], answer["detail"]

    return _ask


@pytest.fixture
def harness(world_of: Callable[..., World]) -> Iterator[Harness]:
    cancel = CancelToken()
    yield Harness(world_of(a_plugin("echo", a_tool("say", memory_mb=300))), cancel)
    cancel.close()
