"""Additions of `make test-mcp` to the conformance suite: full names of tools, and a verdict on unscored failures."""

import pytest
import yaml

from tests.mcp.__main__ import EXPECTED, surprises
from tests.mcp.proxy import with_plugin, without_plugin

KNOWN: list[str] = yaml.safe_load(EXPECTED.read_text())["server"]


@pytest.mark.parametrize(
    ("given", "full"),
    [
        ("greet", "conformance-greet"),
        ("  greet ", "  conformance-greet "),
        ("protocol_error_job", "conformance_broken-protocol_error_job"),
        ("test_input_required_result_sampling", "conformance_input-test_input_required_result_sampling"),
        ("ocr-analyze", "ocr-analyze"),
        ("", ""),
    ],
)
def test_tools_get_the_name_of_their_plugin(given: str, full: str) -> None:
    assert with_plugin(given) == full
    assert without_plugin(full.strip()) == given.strip()


def checks(*failed: str, **statuses: str) -> dict[str, list[dict[str, str]]]:
    found = {"tasks-lifecycle": [{"id": name, "status": status} for name, status in statuses.items()]}
    for one in failed:
        scenario, _, check = one.partition(":")
        found.setdefault(scenario, []).append({"id": check, "status": "FAILURE"})
    return found


def test_expected_failures_are_no_surprise() -> None:
    assert surprises(checks(*KNOWN, fine="SUCCESS", left_out="SKIPPED")) == []


def test_unexpected_failure_is_reported() -> None:
    assert surprises(checks(*KNOWN, cancelled="FAILURE")) == ["tasks-lifecycle:cancelled"]
