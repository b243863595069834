"""The pages on errors and limits, and the sources of the documentation site."""

import json
import re
from pathlib import Path

import pytest
from tools.docs_site import pages
from tools.docs_site.http_reference import reference
from tools.docs_site.python_reference import PYTHON_REFERENCE

from interlock.domain.errors import ErrorCode
from interlock.domain.events import MAX_LOG_BYTES, MAX_LOG_LINES, MAX_PROGRESS
from interlock.domain.json_text import MAX_LEVELS
from interlock.domain.problems import MAX_PROBLEMS, MAX_TEXT
from interlock.domain.upload_id import MAX_UPLOAD_BYTES, MAX_UPLOADED_BYTES, MAX_UPLOADS, UPLOAD_LIFETIME
from interlock.http.documents.values import MAX_PAGE
from interlock.http.requests import DEFAULT_LIMIT, MAX_WAIT_S
from interlock.http.responses import STATUS_BY_CODE
from interlock.http.results import MAX_INLINE_BYTES
from interlock.jobs.event_buffer import MAX_PROGRESS_MESSAGE
from interlock.jobs.execute import SYNC_LIMIT_S
from interlock.tool_declaration import MAX_TIMEOUT_S
from interlock.tools.limits import LOAD_LIMIT_S, MAX_RESULT_BYTES

ROOT = Path(__file__).resolve().parents[3]
MIB = 1024 * 1024


def rows(page: str) -> list[list[str]]:
    lines = (ROOT / "docs" / page).read_text().splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| ")]


def test_each_error_code_has_one_row_with_its_status() -> None:
    documented = {code: row[1] for row in rows("errors.md") for code in re.findall(r"`(\w+)`", row[0])}
    no_response = {ErrorCode.TOO_MANY_FAILURES: "-"}
    assert documented == {code.value: no_response.get(code, str(STATUS_BY_CODE.get(code, 400))) for code in ErrorCode}


@pytest.mark.parametrize(
    ("what", "numbers"),
    [
        ("nesting of a request body, and of a tool's result", [MAX_LEVELS]),
        (
            "upload",
            [
                MAX_UPLOAD_BYTES // MIB,
                MAX_UPLOADS,
                MAX_UPLOADED_BYTES // MIB,
                int(UPLOAD_LIFETIME.total_seconds()) // 3600,
            ],
        ),
        ("result in a response", [MAX_INLINE_BYTES // 1_000_000]),
        ("result of a tool", [MAX_RESULT_BYTES // MIB]),
        ("synchronous run", [int(SYNC_LIMIT_S)]),
        ("asynchronous run", [MAX_TIMEOUT_S]),
        ("loading a plugin", [int(LOAD_LIMIT_S)]),
        ("`Prefer: wait=N`", [MAX_WAIT_S]),
        ("jobs or keys of a page", [MAX_PAGE, DEFAULT_LIMIT]),
        ("log lines of a job", [MAX_LOG_LINES, MAX_LOG_BYTES // 1024]),
        ("progress messages of a job", [MAX_PROGRESS, MAX_PROGRESS_MESSAGE]),
        ("problems in an error", [MAX_PROBLEMS, MAX_TEXT]),
    ],
)
def test_documented_limit_is_the_limit_in_the_code(what: str, numbers: list[int]) -> None:
    [limit] = [row[1] for row in rows("limits.md") if row[0] == what]
    assert [number for number in numbers if not re.search(rf"\b{number}\b", limit)] == []


def test_every_page_is_in_the_navigation_of_the_site() -> None:
    text = (ROOT / "zensical.toml").read_text()
    named = set(re.findall(r'"([\w/-]+\.md)"', text, re.IGNORECASE))
    copied = {name for name in pages.pages().values() if not name.startswith("decisions/0")}
    assert copied | {"http.md", *PYTHON_REFERENCE} <= named


def test_links_between_pages_work_in_the_site(tmp_path: Path) -> None:
    pages.copy_pages(tmp_path)
    (tmp_path / "http.md").touch()
    broken = [
        (page.name, link)
        for page in tmp_path.rglob("*.md")
        for link in re.findall(
            r"\]\((?!https?://)([^)\s#]+)", re.sub(r"```.*?```|`[^`\n]+`", "", page.read_text(), flags=re.S)
        )
        if not (page.parent / link).exists()
    ]
    assert broken == []


def test_http_reference_has_every_operation_and_schema() -> None:
    document = json.loads((ROOT / "layers/runtime/interlock/http/openapi.json").read_text())
    page = reference(document)
    for path, methods in document["paths"].items():
        for method in methods:
            assert f"## {method.upper()} {path}\n" in page
    for name in document["components"]["schemas"]:
        assert f"### {name}\n" in page
    linked = set(re.findall(r"\]\(#(\w+)\)", page))
    assert linked <= {name.lower() for name in document["components"]["schemas"]}
