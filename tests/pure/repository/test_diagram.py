"""The floors in docs/architecture.md match the imports."""

from graphlib import CycleError
from pathlib import Path

import pytest
from tools import diagram

IMPORTS = {
    "http": frozenset({"jobs", "domain"}),
    "jobs": frozenset({"domain"}),
    "domain": frozenset[str](),
    "ports": frozenset({"domain"}),
}


def test_diagrams_show_the_current_imports() -> None:
    text = diagram.PAGE.read_text()
    assert diagram.drawn(text) == text, "run make diagram"


def test_page_covers_runtime_devkit_and_scanner() -> None:
    text = diagram.PAGE.read_text()
    assert all(f"<!-- floors: {package} -->" in text for package in ("interlock", "interlock_dev", "tools.scanner"))


def test_stale_section_is_replaced_and_the_rest_kept() -> None:
    stale = "before\n<!-- floors: interlock -->\nstale\n<!-- end -->\nafter\n"
    drawn = diagram.drawn(stale)
    assert "stale" not in drawn
    assert "    http --> jobs\n" in drawn
    assert drawn.startswith("before\n<!-- floors: interlock -->\n")
    assert drawn.endswith("<!-- end -->\nafter\n")
    assert diagram.drawn(drawn) == drawn


def test_floor_is_one_above_the_highest_import() -> None:
    assert diagram.floors(IMPORTS) == {"domain": 0, "jobs": 1, "ports": 1, "http": 2}


def test_implied_imports_are_not_drawn() -> None:
    assert set(diagram.essential(IMPORTS)) == {("http", "jobs"), ("jobs", "domain"), ("ports", "domain")}


def test_circular_imports_are_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "circular_example"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "one.py").write_text("from circular_example import two\n")
    (package / "two.py").write_text("import circular_example.one\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(CycleError):
        diagram.imports_of("circular_example")
