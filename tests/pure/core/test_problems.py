"""Problems of a value, as envelopes quote them."""

import pytest

from interlock.domain.problems import Problem, first_of, json_pointer, shortened


@pytest.mark.parametrize(
    ("problem", "text"),
    [
        ({"path": "/size/width", "message": "is required"}, "/size/width is required"),
        ({"path": "", "message": "Input should be an object."}, "/ Input should be an object"),
        ({"path": "/a", "message": ".5 is not a file name"}, "/a .5 is not a file name"),
    ],
)
def test_first_problem_names_its_field_without_a_full_stop(problem: Problem, text: str) -> None:
    assert first_of([problem, {"path": "/b", "message": "is required"}]) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("x" * 300, "x" * 300),
        ("a" * 140 + "b" * 21 + "c" * 140, "a" * 140 + " ... " + "c" * 140),
    ],
)
def test_text_over_300_characters_lacks_its_middle(text: str, expected: str) -> None:
    assert shortened(text) == expected


def test_pointer_to_a_field_with_a_very_long_name_is_shortened() -> None:
    assert json_pointer(("x" * 1000, 0)) == "/" + "x" * 139 + " ... " + "x" * 138 + "/0"
