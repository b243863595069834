"""`pytest tests/execution` runs the execution categories and nothing else, each with at least the tests it is due."""

import ast
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[1] / "execution"
CATEGORIES = {
    "endpoint": (22, ["core/test_endpoint_*.py"]),
    "job service": (20, ["core/test_job_service.py"]),
    "plugin execution": (11, ["test_plugin_execution*.py", "core/test_plugin_execution*.py", "test_hostile_*.py"]),
    "registry": (8, ["core/test_registry*.py"]),
    "ToolRunner": (13, ["core/test_tool_runner.py"]),
    "integration": (10, []),  # what else is not in `core`: it goes over HTTP through the whole local stack
}
"""By category: how many test functions it must have (cases of a parametrised one are not counted), and its files."""

FILES = sorted(str(file.relative_to(FOLDER)) for file in FOLDER.rglob("test_*.py"))


def functions_of(source: str) -> Iterator[ast.FunctionDef]:
    """The test functions of a module."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            yield node


STATING = {"raises", "refused", "works", "fails"}
"""What asserts for the tests that call it: pytest's own, and helpers and fixtures of theirs."""


def can_fail(test: ast.FunctionDef) -> bool:
    """Whether a test states something: an assert, an expected exception, or a call of what asserts for it."""
    return any(
        isinstance(node, ast.Assert)
        or (isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in STATING)
        or (isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1].lstrip("_").startswith("assert_"))
        for node in ast.walk(test)
    )


def category_of(name: str) -> str | None:
    fitting = (one for one, (_, patterns) in CATEGORIES.items() if any(fnmatch(name, pattern) for pattern in patterns))
    return next(fitting, None if name.startswith("core/") else "integration")


@pytest.mark.parametrize("category", CATEGORIES)
def test_each_category_has_its_tests(category: str) -> None:
    files = [name for name in FILES if category_of(name) == category]
    found = [test.name for name in files for test in functions_of((FOLDER / name).read_text())]
    assert len(found) >= CATEGORIES[category][0], found


@pytest.mark.parametrize("name", FILES)
def test_each_file_is_of_a_category(name: str) -> None:
    assert category_of(name) is not None


@pytest.mark.parametrize("name", FILES)
def test_each_test_can_fail(name: str) -> None:
    vacuous = [test.name for test in functions_of((FOLDER / name).read_text()) if not can_fail(test)]
    assert vacuous == []


@pytest.mark.parametrize(
    ("source", "states_something"),
    [
        ("def test_it(): call()", False),
        ("def test_it():\n    try:\n        call()\n    except ValueError:\n        pass", False),
        ("def test_it(): assert call()", True),
        ("def test_it():\n    with pytest.raises(ValueError):\n        call()", True),
        ("def test_it(): refused(call(), 400)", True),
        ("def test_it(bench): bench.assert_usable()", True),
    ],
)
def test_a_test_that_states_nothing_is_told(source: str, states_something: bool) -> None:
    [test] = functions_of(source)
    assert can_fail(test) is states_something
