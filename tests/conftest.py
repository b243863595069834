"""What the suite says about itself."""

import pytest
from hypothesis import HealthCheck, settings

from tests.integration.dynamodb_local import missing

# How long an example takes is the machine's affair: it proves nothing.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if needed := missing():
        terminalreporter.write_line(f"storage suite: not run on DynamoDB Local, which needs {needed}")
