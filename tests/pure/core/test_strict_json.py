"""Strict JSON: the reasons for which a text is refused, and its bounds."""

import pytest

from interlock.domain.json_text import MAX_LEVELS
from interlock.domain.strict_json import InvalidJson, parse_json

TOO_DEEP = "it is nested more than 200 levels deep"
SURROGATE = "it holds an unpaired surrogate or bytes that are not UTF-8"


def nested(levels: int) -> str:
    return "[" * levels + "]" * levels


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "Expecting value: line 1 column 1 (char 0)"),
        ("[1,]", "Illegal trailing comma before end of array: line 1 column 3 (char 2)"),
        ("[NaN]", "NaN is not a JSON value"),
        ("-Infinity", "-Infinity is not a JSON value"),
        ("1" * 5000, "a number has too many digits"),
        ('{"n": [-1e999]}', "a number is out of range"),
        (nested(MAX_LEVELS + 1), TOO_DEEP),
        (nested(100_000), TOO_DEEP),
        (r'"\ud800"', SURROGATE),
        (r'{"\uDFFF": 1}', SURROGATE),
        ('"\udcff"', SURROGATE),
    ],
    ids=lambda text: text[:20].encode("ascii", "backslashreplace").decode(),
)
def test_text_that_is_not_strict_json_is_refused_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(InvalidJson) as caught:
        parse_json(text)
    assert str(caught.value) == reason


@pytest.mark.parametrize("form", ["%s", '{"a": [1.5], "b": %s}'])
def test_deepest_permitted_nesting_is_parsed(form: str) -> None:
    assert parse_json(form % nested(MAX_LEVELS - form.count("{"))) is not None
