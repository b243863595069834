"""The prose check reports violations of plain English, and nothing else."""

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

FILE = Path(__file__).resolve().parents[3] / "tools" / "prose_check.py"


@pytest.fixture(scope="module")
def checker() -> ModuleType:
    spec = importlib.util.spec_from_file_location("prose_check", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


ODD = [
    ("docstring", "a.py", '"""What is none of ours is never looked up."""'),
    ("docstring", "a.py", 'X = 1\n"""So many runs and the process is replaced."""'),
    ("docstring", "a.py", 'def f():\n    """Return what the table says."""'),
    ("comment", "a.py", "# Nothing is fetched:\n# the checks come with it."),
    ("comment", "a.yaml", "a: 1\n  # Each gets a name of its own."),
    ("comment", "a.py", "# --- What is refused ---"),
    ("comment", "Makefile", "# Who runs this is told.\nall:"),
    ("paragraph", "a.md", "Of two callers\nthe first wins."),
    ("paragraph", "a.md", "Fine.\n\n- Fine.\n- Nobody waits."),
    ("test name", "test_a.py", "def test_nobody_settles_what_has_ended(): ..."),
    ("test name", "test_a.py", "def test_it_is_gone_after_a_crash(): ..."),
]
PLAIN = [
    ("docstring", "a.py", '"""Malformed ids raise `NotFound` without a table read."""'),
    ("docstring", "a.py", '"""None: there is no such job."""'),
    ("docstring", "a.py", '"""Match "told" or `lies`."""'),
    ("comment", "a.py", "x = 1  # The caller gets 404."),
    ("comment", "a.yaml", "# The framework stands alone."),
    ("comment", "a.py", "# --- Refused requests ----"),
    ("paragraph", "a.md", "The scanner needs no installation."),
    ("test name", "test_a.py", "def test_missing_plugin_path_is_reported(): ..."),
]


@pytest.mark.parametrize(("kind", "path", "source"), ODD)
def test_odd_prose_is_found_once(checker: ModuleType, kind: str, path: str, source: str) -> None:
    assert [text.kind for text in checker.texts_of(path, source) if text.odd] == [kind]


@pytest.mark.parametrize(("kind", "path", "source"), PLAIN)
def test_plain_prose_passes(checker: ModuleType, kind: str, path: str, source: str) -> None:
    texts = list(checker.texts_of(path, source))
    assert [text.kind for text in texts] == [kind]
    assert not texts[0].odd


def test_code_is_not_prose(checker: ModuleType) -> None:
    assert list(checker.texts_of("a.py", 'x = "What is told"  # noqa: A001')) == []
    assert list(checker.texts_of("a.md", "```\nWhat is told\n```\n")) == []


def test_consecutive_comment_lines_are_one_comment(checker: ModuleType) -> None:
    [text] = checker.texts_of("a.py", "x = 1\n# The caller\n# hears nothing.\n")
    assert (text.line, text.text, text.odd) == (2, "The caller hears nothing.", True)


@pytest.mark.parametrize(("odd", "code"), [(2, 0), (3, 1)])
def test_more_than_two_percent_of_a_kind_in_a_folder_fail(
    checker: ModuleType, capsys: pytest.CaptureFixture[str], odd: int, code: int
) -> None:
    def texts() -> Iterator[object]:
        for number in range(100):
            yield checker.Text("comment", "a/b.py", number, "What is told." if number < odd else "A reason.")
        yield checker.Text("comment", "b/c.py", 1, "A reason.")

    assert checker.main(texts(), show=True) == code
    printed = capsys.readouterr().out
    assert f"comment    a               {odd} of   100    {odd}.0%" in printed
    assert printed.count("a/b.py:") == odd


def test_every_tracked_file_with_prose_is_read(checker: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """`make prose` measures the files that `tracked` returns."""
    monkeypatch.setattr(checker, "texts_of", lambda path, source: [path] if source else [])
    paths = set(checker.tracked())
    assert {"README.md", "Makefile", "template.yaml", "docs/testing.md", "tools/prose_check.py"} <= paths
    assert "tests/process/repository/test_prose_check.py" in paths
    assert "LICENSE" not in paths
