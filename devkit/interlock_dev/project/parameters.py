"""Validation of parameter values by the template's declarations, as CloudFormation does it."""

import re
from collections.abc import Iterator, Mapping
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from interlock_dev.project.errors import UsageError

_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)")


def check(given: Mapping[str, str], declared: Mapping[str, Mapping[str, Any]]) -> None:
    """Raise `UsageError` for the first value that the template does not allow."""
    for name, value in given.items():
        if name not in declared:
            raise UsageError(f"--parameter: the template has no parameter {name}")
        rules = declared[name]
        for wanted in _violations(value, rules):
            must = rules.get("ConstraintDescription", wanted)
            raise UsageError(f"--parameter {name}={value}: must be {must}")


def _violations(value: str, rules: Mapping[str, Any]) -> Iterator[str]:
    """Yield the constraints that a value violates."""
    kind = rules.get("Type", "String")
    if kind == "Number" and not _NUMBER.fullmatch(value):
        yield "a number"
        return
    # The constraints of a list apply to its items; an empty list has one empty item.
    for one in value.split(",") if kind == "CommaDelimitedList" else [value]:
        allowed = [str(each) for each in rules.get("AllowedValues", [one])]
        if one not in allowed:
            yield f"one of {', '.join(allowed)}"
        pattern = str(rules.get("AllowedPattern", ".*"))
        if not re.fullmatch(pattern, _as_deployed(one), re.DOTALL):
            yield f"what the pattern {pattern} takes"
    if kind == "Number":
        yield from _beyond(float(value), rules, "MinValue", "MaxValue", "")
    if kind == "String":
        yield from _beyond(len(value), rules, "MinLength", "MaxLength", " characters long")


def _beyond(size: float, rules: Mapping[str, Any], least: str, most: str, unit: str) -> Iterator[str]:
    if least in rules and size < float(rules[least]):
        yield f"at least {rules[least]}{unit}"
    if most in rules and size > float(rules[most]):
        yield f"at most {rules[most]}{unit}"


def _as_deployed(value: str) -> str:
    """Return a local http URL with https, which the template may require: local servers have no certificate."""
    return f"https{value.removeprefix('http')}" if value.startswith("http://") and _is_local(value) else value


def _is_local(url: str) -> bool:
    try:
        host = urlsplit(url).hostname or ""
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
