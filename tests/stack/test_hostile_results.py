"""A result that does not fit the tool's schema is rejected, whoever wrote it; a valid result is accepted."""

from collections.abc import Callable
from typing import Any

import pytest

pytestmark = pytest.mark.xdist_group("hostile-results")

type Call = Callable[..., dict[str, Any]]


@pytest.mark.parametrize(
    ("way", "result"),
    [
        ("a model", {"text": "model", "number": 1}),
        ("a dict", {"text": "dict", "number": 2}),
        ("a subclass", {"text": "subclass", "number": 3}),
        ("400 digits", {"facts": {"a": 10**400}}),
    ],
)
def test_results_that_fit_the_schema_are_accepted(works: Call, way: str, result: dict[str, Any]) -> None:
    found = works("lying", "go", way=way)
    assert {name: found[name] for name in result} == result


@pytest.mark.parametrize(
    "way",
    [
        *("nan", "infinity", "nan inside", "none", "a list", "an object", "bytes", "a set", "a coroutine"),
        *("a generator", "the class", "an object inside", "bytes inside", "a circle"),
        *("300 deep", "100,000 deep", "half of a pair", "half of a pair inside"),
        *("5,000 digits", "nonsense"),
        *("forged: no JSON", "forged: nothing", "forged: no object", "forged: unknown verdict"),
        *("forged: unhashable verdict", "forged: no details", "forged: NaN", "forged: 1e999"),
        *(
            "forged: half of a pair",
            "forged: half of a pair in a text",
            "forged: 1e999 in an error",
            "forged: 100,000 deep",
        ),
    ],
)
def test_results_that_are_not_valid_json_are_rejected(fails: Call, way: str) -> None:
    error = fails("lying", "go", "invalid_output", way=way)
    assert error["type"] == "PluginError"
    assert error["details"]["errors"]
    for problem in error["details"]["errors"]:
        assert problem.keys() == {"path", "message"}
        assert problem["message"]


@pytest.mark.parametrize(
    ("way", "paths"),
    [
        ("wrong types", ["/text", "/number"]),
        ("a wrong type in a model", ["/text"]),
        ("other than it is", ["/facts", "/number", "/text"]),
    ],
)
def test_a_schema_problem_has_its_path(fails: Call, way: str, paths: list[str]) -> None:
    error = fails("lying", "go", "invalid_output", way=way)
    assert sorted(problem["path"] for problem in error["details"]["errors"]) == sorted(paths)


@pytest.mark.parametrize("way", ["an odd mapping", "not at all"])
def test_result_that_raises_when_read_is_a_plugin_failure(fails: Call, way: str) -> None:
    assert fails("lying", "go", "plugin_exception", way=way)["details"] == {"exception": "LookupError"}


@pytest.mark.parametrize(
    ("way", "code"),
    [
        ("forged: huge texts", "plugin_exception"),
        ("forged: huge refusal", "invalid_input"),
        ("forged: errors of no form", "invalid_input"),
        ("forged: huge reason", "plugin_unavailable"),
        ("forged: huge misfit", "invalid_output"),
    ],
)
def test_a_forged_failure_is_kept_within_bounds(fails: Call, way: str, code: str) -> None:
    """A plugin can make its process report any failure, so only the size is checked."""
    assert len(str(fails("lying", "go", code, way=way))) < 5000
