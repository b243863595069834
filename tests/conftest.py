"""What the suite says about itself."""

import pytest

from tests.integration.dynamodb_local import missing


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if needed := missing():
        terminalreporter.write_line(f"storage suite: not run on DynamoDB Local, which needs {needed}")
