"""A report as text, as GitHub's annotations, as JSON and as SARIF 2.1.0."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from tools.scanner.engine import scan, waivers
from tools.scanner.engine.scan import Report
from tools.scanner.engine.violation import Violation

NAME = "scan_execution_violations"
SARIF_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def as_text(report: Report) -> str:
    """`path:line:col CODE message`, one line each, and a summary."""
    lines = [f"{_place(found)} {found.code} {found.message}" for found in report.violations]
    lines += [f"{_place(w.violation)} {w.violation.code} waived: {w.reason}" for w in report.waived]
    return "\n".join([*lines, report.summary])


def _place(found: Violation) -> str:
    return f"{found.path}:{found.line}:{found.column}"


def as_github(report: Report) -> str:
    """Workflow commands that GitHub shows beside the lines, and a summary."""
    lines = [_annotation("error", found, found.message) for found in report.violations]
    lines += [_annotation("notice", w.violation, f"waived: {w.reason}") for w in report.waived]
    return "\n".join([*lines, report.summary])


def _annotation(level: str, found: Violation, message: str) -> str:
    properties = {"file": found.path, "line": found.line, "col": found.column, "title": found.code}
    shown = ",".join(
        f"{name}={_escaped(str(value)).replace(':', '%3A').replace(',', '%2C')}" for name, value in properties.items()
    )
    return f"::{level} {shown}::{_escaped(message)}"


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def as_json(report: Report) -> str:
    """One document: the violations, the waived ones with their reasons, and the counts."""
    document = {
        "violations": [_fields(found) for found in report.violations],
        "waived": [{**_fields(each.violation), "reason": each.reason} for each in report.waived],
        "files": report.files,
        "rules": [rule.code for rule in report.rules],
        "summary": report.summary,
    }
    return json.dumps(document, indent=2)


def _fields(found: Violation) -> dict[str, Any]:
    return {
        "path": found.path,
        "line": found.line,
        "column": found.column,
        "code": found.code,
        "message": found.message,
    }


def as_sarif(report: Report) -> str:
    """A SARIF 2.1.0 log (OASIS, 2020) with the rules' texts; what is waived is a suppressed result."""
    described = [_described(rule.code, rule.title, rule.rationale) for rule in report.rules]
    described.append(_described(scan.SYNTAX_CODE, scan.SYNTAX_TITLE, "What cannot be parsed cannot be checked."))
    described.append(_described(waivers.CODE, waivers.TITLE, "A waiver that nothing needs hides the next violation."))
    order = {rule["id"]: index for index, rule in enumerate(described)}
    results = [_result(found, order) for found in report.violations]
    for each in report.waived:
        suppression = {"kind": "inSource", "justification": each.reason}
        results.append({**_result(each.violation, order), "suppressions": [suppression]})
    run = {
        "tool": {"driver": {"name": NAME, "rules": described}},
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {"SRCROOT": {"description": {"text": "The root of the repository."}}},
        "results": results,
    }
    return json.dumps({"$schema": SARIF_SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2)


def _described(code: str, title: str, rationale: str) -> dict[str, Any]:
    return {
        "id": code,
        "shortDescription": {"text": title},
        "fullDescription": {"text": rationale},
        "defaultConfiguration": {"level": "error"},
    }


def _result(found: Violation, order: Mapping[str, int]) -> dict[str, Any]:
    place = {
        "artifactLocation": {"uri": found.path, "uriBaseId": "SRCROOT"},
        "region": {"startLine": found.line, "startColumn": found.column},
    }
    return {
        "ruleId": found.code,
        "ruleIndex": order[found.code],
        "level": "error",
        "message": {"text": found.message},
        "locations": [{"physicalLocation": place}],
    }


FORMATS: Mapping[str, Callable[[Report], str]] = {
    "text": as_text,
    "github": as_github,
    "json": as_json,
    "sarif": as_sarif,
}
