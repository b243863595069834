"""The stand-in that keeps asyncio out of a function's imports."""

import sys

import pytest

from interlock.http.powertools import stand_in_for


def test_stand_in_that_is_used_is_replaced_by_the_real_module(monkeypatch: pytest.MonkeyPatch) -> None:
    """With `interlock dev --in-process`, another thread may import the module while the stand-in is in place."""
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    with stand_in_for("colorsys"):
        import colorsys as stand_in
        from colorsys import ONE_THIRD
    assert ONE_THIRD == stand_in.ONE_THIRD
    assert sys.modules["colorsys"] is not stand_in


def test_module_that_nothing_uses_is_not_imported() -> None:
    with stand_in_for("module_that_is_not_there"):
        import module_that_is_not_there  # type: ignore[import-not-found] # noqa: F401
    assert "module_that_is_not_there" not in sys.modules
