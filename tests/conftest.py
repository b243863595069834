"""What the suite says about itself."""

import pytest

from tests.faults.counts import write_counts
from tests.integration.dynamodb_local import missing


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Each group of tests is for one process. pytest-xdist tells groups by a suffix of the tests' names: where pytest
    does not take it, every process would run some of each group, and start what the whole group needs."""
    loose = [item.nodeid for item in items if item.get_closest_marker("xdist_group") and "@" not in item.nodeid]
    if loose and config.getoption("loadgroup", default=False):
        raise pytest.UsageError(f"this pytest keeps no groups of tests together: {loose[0]}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    write_counts(terminalreporter)
    if needed := missing():
        terminalreporter.write_line(f"storage suite: not run on DynamoDB Local, which needs {needed}")
    if any("every_cell_answers" in report.nodeid for report in terminalreporter.getreports("passed")):
        from tests.execution.access.matrix import MATRIX

        routes = len({cell.route.call for cell in MATRIX})
        terminalreporter.write_line(f"access matrix: {len(MATRIX)} cells, {routes} routes")
