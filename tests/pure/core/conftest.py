"""Fixtures of the tests of endpoints, job runner and job service."""

from pathlib import Path

import pytest

from interlock.jobs import runner as job_runner
from tests.fakes.plugins import a_plugin, a_tool
from tests.fakes.store import Interposed, MemoryJobs
from tests.fakes.world import World
from tests.pure.core.job_runner_stage import Stage
from tests.pure.core.job_service_setting import Setting


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


@pytest.fixture
def quick_heartbeat(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_runner, "HEARTBEAT_S", 0.002)


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
