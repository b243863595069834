"""Options, markers and summary of the whole suite."""

import gc
import signal

import pytest

from tests import examples
from tests.categories import CATEGORIES, category_of
from tests.exhaustive.counts import missing_counts, write_counts
from tests.service.dynamodb_local import missing
from tests.stack.console import browser

__all__ = ["examples"]

# Imported modules are never garbage. Garbage collection would scan them repeatedly, in a sixth of the processor
# time, so it is disabled until `gc.freeze` excludes them.
gc.disable()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--require-counts", action="store_true", help="fail unless every crash point and race was tested")


def pytest_configure(config: pytest.Config) -> None:
    for category, (least, _) in CATEGORIES.items():
        config.addinivalue_line("markers", f"{category}: execution tests of this category, at least {least}")
    config.addinivalue_line("markers", "execution: the execution categories")
    # A shell starts background jobs with SIGINT ignored. The programs that tests interrupt would inherit this.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark the tests of the execution categories."""
    if category := category_of(item.path):
        item.add_marker(category)
        item.add_marker("execution")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Fail if pytest-xdist would distribute the tests of a group over several processes.

    pytest-xdist marks a group by a suffix of the test's name. Without the suffix every process would run some tests of
    each group, and start all the servers that the group needs."""
    loose = [item.nodeid for item in items if item.get_closest_marker("xdist_group") and "@" not in item.nodeid]
    if loose and config.getoption("loadgroup", default=False):
        raise pytest.UsageError(f"pytest-xdist does not keep groups of tests together: {loose[0]}")


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter and session.config.getoption("require_counts") and missing_counts(reporter):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    write_counts(terminalreporter)
    if terminalreporter.config.getoption("require_counts"):
        for line in missing_counts(terminalreporter):
            terminalreporter.write_line(line, red=True)
    if needed := missing():
        terminalreporter.write_line(f"storage suite: not run on DynamoDB Local, which requires {needed}")
    if not browser.found():
        terminalreporter.write_line(f"console: not run in a browser, which requires {' or '.join(browser.NAMES)}")
    if any("every_cell_of_the_access_matrix" in report.nodeid for report in terminalreporter.getreports("passed")):
        from tests.stack.access.matrix import TRIED

        routes = len({cell.route.call for cell in TRIED})
        terminalreporter.write_line(f"access matrix: {len(TRIED)} cells, {routes} routes")
