"""Each execution category has its minimum number of tests, and each of its tests can fail."""

import ast
from collections.abc import Iterator

import pytest

from tests.categories import CATEGORIES, TESTS, category_of

FILES = {file.relative_to(TESTS).as_posix(): file for file in TESTS.rglob("test_*.py") if category_of(file)}

ASSERTING = {"raises", "refused", "works", "fails"}
"""Calls that assert: `pytest.raises`, and helpers and fixtures of the execution tests."""


def functions_of(source: str) -> Iterator[ast.FunctionDef]:
    """Yield the test functions of a module."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            yield node


def can_fail(test: ast.FunctionDef) -> bool:
    """Return whether a test has an assert, expects an exception, or calls a helper that asserts."""
    return any(
        isinstance(node, ast.Assert)
        or (isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in ASSERTING)
        or (isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1].lstrip("_").startswith("assert_"))
        for node in ast.walk(test)
    )


@pytest.mark.parametrize("category", CATEGORIES)
def test_each_category_has_its_minimum_of_tests(category: str) -> None:
    found = [
        test.name for file in FILES.values() if category_of(file) == category for test in functions_of(file.read_text())
    ]
    assert len(found) >= CATEGORIES[category].least, found


@pytest.mark.parametrize("name", FILES)
def test_every_execution_test_can_fail(name: str) -> None:
    vacuous = [test.name for test in functions_of(FILES[name].read_text()) if not can_fail(test)]
    assert vacuous == []


def test_marks_select_the_categories(request: pytest.FixtureRequest) -> None:
    described = "\n".join(request.config.getini("markers"))
    assert [name for name in ("execution", *CATEGORIES) if f"{name}: " not in described] == []
    assert request.node.get_closest_marker("execution") is None


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("def test_it(): call()", False),
        ("def test_it():\n    try:\n        call()\n    except ValueError:\n        pass", False),
        ("def test_it(): assert call()", True),
        ("def test_it():\n    with pytest.raises(ValueError):\n        call()", True),
        ("def test_it(): refused(call(), 400)", True),
        ("def test_it(bench): bench.assert_usable()", True),
    ],
)
def test_vacuous_tests_are_recognized(source: str, expected: bool) -> None:
    [test] = functions_of(source)
    assert can_fail(test) is expected
