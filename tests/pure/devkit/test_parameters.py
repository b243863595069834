"""Values of the template's parameters are validated like CloudFormation validates them."""

from pathlib import Path
from typing import Any

import pytest
from samcli.yamlhelper import yaml_parse

from interlock_dev.project.errors import UsageError
from interlock_dev.project.parameters import check

ROOT = Path(__file__).parents[3]
OWN: dict[str, dict[str, Any]] = yaml_parse((ROOT / "template.yaml").read_text())["Parameters"]


def complaint(value: str, **rules: object) -> str | None:
    """Return the error message for a value of a parameter with these rules."""
    try:
        check({"X": value}, {"X": rules})
    except UsageError as error:
        return str(error).removeprefix(f"--parameter X={value}: must be ")
    return None


@pytest.mark.parametrize("number", ["abc", "", "1e3", "1_0", "٣", "0x1", "nan", "1 "])
def test_invalid_numbers_are_refused(number: str) -> None:
    assert complaint(number, Type="Number") == "a number"


@pytest.mark.parametrize("number", ["1", "-1", "+1", "1.5", ".5", "365"])
def test_valid_numbers_are_accepted(number: str) -> None:
    assert complaint(number, Type="Number") is None


def test_number_must_be_within_its_bounds() -> None:
    bounds = {"Type": "Number", "MinValue": 1, "MaxValue": 365}
    found = [complaint(number, **bounds) for number in ("0", "1", "365", "366")]
    assert found == ["at least 1", None, None, "at most 365"]


def test_text_must_have_an_allowed_length() -> None:
    bounds = {"Type": "String", "MinLength": 2, "MaxLength": 3}
    found = [complaint(text, **bounds) for text in ("a", "ab", "abc", "abcd")]
    assert found == ["at least 2 characters long", None, None, "at most 3 characters long"]


def test_value_must_be_an_allowed_one() -> None:
    assert complaint("2", Type="Number", AllowedValues=[1, 3]) == "one of 1, 3"
    assert complaint("3", Type="Number", AllowedValues=[1, 3]) is None


def test_pattern_must_match_the_whole_value() -> None:
    assert complaint("abc\n", Type="String", AllowedPattern="[a-c]+") == "what the pattern [a-c]+ takes"
    assert complaint("abc", Type="String", AllowedPattern="[a-c]+") is None


def test_each_item_of_a_list_is_validated() -> None:
    rules = {"Type": "CommaDelimitedList", "AllowedPattern": "[a-c]+", "AllowedValues": ["a", "b"]}
    assert complaint("a,b", **rules) is None
    assert complaint("a,c", **rules) == "one of a, b"


def test_constraint_description_replaces_the_message() -> None:
    assert complaint("x", Type="String", AllowedValues=["a"], ConstraintDescription="the letter a") == "the letter a"


@pytest.mark.parametrize(
    "issuer", ["http://127.0.0.1:9000", "http://localhost:1/x", "http://[::1]:9", "https://a.b", ""]
)
def test_local_issuer_may_use_plain_http(issuer: str) -> None:
    check({"OidcIssuer": issuer}, OWN)


@pytest.mark.parametrize(
    "issuer", ["http://example.com", "http://127.0.0.1.example.com", "ftp://127.0.0.1", "http://["]
)
def test_other_issuers_must_use_https(issuer: str) -> None:
    with pytest.raises(UsageError, match=r"must be an https URL, or empty$"):
        check({"OidcIssuer": issuer}, OWN)


def test_defaults_of_the_template_are_valid() -> None:
    check({name: str(rules["Default"]) for name, rules in OWN.items()}, OWN)


@pytest.mark.parametrize(
    ("name", "value"),
    [("RetentionDays", "abc"), ("RetentionDays", "0"), ("LogLevel", "info"), ("DefaultKeyRate", "fast")],
)
def test_invalid_parameters_are_reported(name: str, value: str) -> None:
    with pytest.raises(UsageError, match=f"^--parameter {name}={value}: must be "):
        check({name: value}, OWN)
