"""What the tests of faults have in common."""

from collections.abc import Callable, Iterator

import pytest

from interlock import job_runner
from tests.faults.backend import Backend
from tests.faults.counts import COUNT, Report, write_counts
from tests.faults.driver import Driver
from tests.faults.runs import Laboratory
from tests.faults.system import HEARTBEAT_S, new_sandbox, witness_index


@pytest.fixture(scope="session")
def backend() -> Iterator[Backend]:
    backend = Backend()
    yield backend
    backend.close()


@pytest.fixture(scope="session")
def laboratory(backend: Backend, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laboratory]:
    driver, sandbox = Driver(backend.url), new_sandbox()
    index = witness_index(tmp_path_factory.mktemp("index"))
    yield Laboratory(backend, driver, sandbox, index, tmp_path_factory.mktemp("runs"))
    driver.close()
    sandbox.close()


@pytest.fixture
def quick_heart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Heartbeats come sooner than each second."""
    monkeypatch.setattr(job_runner, "HEARTBEAT_S", HEARTBEAT_S)


@pytest.fixture
def report(record_property: Callable[[str, object], None]) -> Report:
    """Tells in the summary how many of something there were."""
    return lambda what, where, count: record_property(COUNT, [what, where, count])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    write_counts(terminalreporter)
