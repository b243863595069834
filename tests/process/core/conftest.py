"""Fixtures of the plugin index."""

import pytest

from interlock.plugins import building


@pytest.fixture
def nothing_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Build indexes without the installed plugins."""
    monkeypatch.setattr(building, "GROUP", "interlock.tests.none")
