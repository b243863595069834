"""Fixtures of the tests with fault injection."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from interlock.plugins.index import PluginIndex
from tests.exhaustive.backend import Backend, running
from tests.exhaustive.counts import COUNT, Report
from tests.exhaustive.driver import Driver
from tests.exhaustive.fault_runner import FaultRunner
from tests.exhaustive.system import new_sandbox, witness_index
from tests.fakes.plugins import a_plugin, an_index


@pytest.fixture(scope="session")
def backend() -> Iterator[Backend]:
    with running() as backend:
        yield backend


@pytest.fixture(scope="session")
def fault_runner(backend: Backend, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultRunner]:
    driver, sandbox = Driver(backend.url), new_sandbox()
    index = witness_index(tmp_path_factory.mktemp("index"))
    yield FaultRunner(backend, driver, sandbox, index, tmp_path_factory.mktemp("runs"))
    driver.close()
    sandbox.close()


@pytest.fixture
def index(tmp_path: Path) -> PluginIndex:
    """An index of one plugin, `echo`, without code."""
    return an_index(tmp_path / "index", a_plugin())


@pytest.fixture
def report(record_property: Callable[[str, object], None]) -> Report:
    """Report counts in the test summary."""
    return lambda what, where, count: record_property(COUNT, [what, where, count])
