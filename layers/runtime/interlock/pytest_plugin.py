"""The pytest plugin for plugins' tests: the fixture `run_tool`.

pytest imports this module in every project in which Interlock is installed. The other modules are imported only when a
test uses a fixture.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from interlock.sandbox import Sandbox
    from interlock.testing import ToolRun


@pytest.fixture(scope="session")
def interlock_sandbox() -> Iterator[Sandbox]:
    """A sandbox that all tests of the session share, started when the first test uses it."""
    from interlock.composition.sandbox import start_sandbox  # noqa: PLC0415

    sandbox = start_sandbox()
    yield sandbox
    sandbox.close()


@pytest.fixture
def run_tool(request: pytest.FixtureRequest) -> Callable[..., ToolRun]:
    """`interlock.testing.run_tool`, whose `sandbox=True` uses the sandbox of the session."""
    from interlock.testing import run_tool  # noqa: PLC0415

    def run(*arguments: Any, sandbox: bool = False, **options: Any) -> ToolRun:
        used = request.getfixturevalue("interlock_sandbox") if sandbox else False
        return run_tool(*arguments, sandbox=used, **options)

    return run
