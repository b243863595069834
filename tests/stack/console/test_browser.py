"""Continuous integration runs the tests of the console."""

import os

from tests.stack.console.browser import NAMES, found


def test_ci_has_a_browser() -> None:
    assert found() or "CI" not in os.environ, f"install one of {', '.join(NAMES)}"
