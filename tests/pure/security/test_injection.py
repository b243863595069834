"""Names, ids and cursors crafted as paths, keys of the table, or log lines."""

import base64
import io
import json
import logging
from collections.abc import Iterator

import pytest
from awslambdaric.lambda_runtime_log_utils import JsonFormatter
from hypothesis import given, settings
from hypothesis import strategies as st

from interlock.adapters.dynamo import values as items
from interlock.domain.job_status import JobStatus
from interlock.domain.lifecycle import LifecycleState
from interlock.jobs.event_buffer import EventBuffer
from interlock.sandbox import LogLine
from tests.fakes.jobs import a_job
from tests.fakes.outside import ManualClock
from tests.fakes.world import World
from tests.pure.security.answers import check, check_hidden
from tests.volume import volume

NAMES = [
    "../index",
    "..",
    ".",
    "/etc/passwd",
    "plugins/echo",
    "echo/../echo",
    "echo.json",
    "echo\0",
    "echo%00",
    "echo%2f..",
    "echo#say",
    "COUNTERS",
    "JOB#acme#01J00000000000000000000000",
    "${jndi:ldap://x}",
    "{{7*7}}",
    "__class__",
    "echo'; --",
    "\uff45cho",
    "echo\u202e",
    "a" * 64,
    "echo\r\nSet-Cookie: a=b",
]


@pytest.mark.parametrize("name", NAMES)
def test_plugin_and_tool_names_are_not_interpreted_as_paths(world: World, name: str) -> None:
    answer = check(world.request("POST", "/v1/execute", {"plugin": name, "input": {}}))
    assert (answer.status, answer.error["code"]) == (400, "unknown_plugin")
    answer = check(world.request("POST", "/v1/execute", {"plugin": "echo", "tool": name, "input": {"text": ""}}))
    assert (answer.status, answer.error["code"]) == (400, "unknown_tool")
    assert check(world.request("GET", f"/v1/plugins/{name}")).status == 404
    assert check(world.request("GET", f"/v1/plugins/{name}/health")).status == 404


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("parameter", ["plugin", "tool"])
def test_filter_with_a_crafted_name_finds_no_other_jobs(world: World, name: str, parameter: str) -> None:
    world.jobs.create(a_job(JobStatus.SUCCEEDED, job_id=new_id(world)))
    answer = check(world.request("GET", "/v1/jobs", query={parameter: [name]}))
    assert (answer.status, answer.body["jobs"]) == (200, [])


def new_id(world: World) -> str:
    return f"01J{len(world.jobs.all_jobs):023}"


def test_parts_of_table_keys_contain_no_separator() -> None:
    # The parts of a key are joined by `#`, which no tenant, name, tool or status contains.
    joined = [*JobStatus, *LifecycleState]
    assert not any("#" in word for word in joined)
    assert items.job_key("acme", "X")["pk"].count("#") == 2


tenants = st.from_regex(r"[a-z][a-z0-9-]{0,8}", fullmatch=True)


@settings(max_examples=volume(sample=100, full=500))
@given(
    tenant=st.from_regex(r"[a-z][a-z0-9-]{0,8}", fullmatch=True),
    other=st.from_regex(r"[a-z][a-z0-9-]{0,8}", fullmatch=True),
)
def test_tenants_share_no_table_or_index_key(tenant: str, other: str) -> None:
    if tenant != other:
        job_id = "01J00000000000000000000000"
        mine, theirs = a_job(tenant=tenant, job_id=job_id), a_job(tenant=other, job_id=job_id)
        first, second = items.job_to_item(mine), items.job_to_item(theirs)
        for name in ("pk", "by_tenant", "by_plugin", "tenant_job"):
            assert first[name] != second[name]


CURSORS = [
    "x",
    "=",
    "....",
    base64.urlsafe_b64encode(b"01J00000000000000000000000").decode(),
    base64.urlsafe_b64encode(b"01J00000000000000000000000.0000000000000000").decode(),
    base64.urlsafe_b64encode(b'{"pk": {"S": "JOB#rival#01J00000000000000000000000"}}').decode(),
    base64.urlsafe_b64encode(b"\xff" * 40).decode(),
    "A" * 5000,
    "../../x",
    "%00",
]


@pytest.mark.parametrize("cursor", CURSORS)
def test_forged_cursor_is_refused(world: World, cursor: str) -> None:
    answer = check_hidden(world.request("GET", "/v1/jobs", query={"cursor": [cursor]}))
    assert (answer.status, answer.error["code"]) == (400, "invalid_request")
    assert "cursor" in answer.error["message"]


# --- Log lines ---


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """Yield the stream of the functions' log, in the format of Lambda's runtime."""
    handler = logging.StreamHandler(stream := io.StringIO())
    handler.setFormatter(JsonFormatter())
    logger = logging.getLogger()
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield stream
    logger.setLevel(level)
    logger.removeHandler(handler)


TRAPS = [
    'x\n{"level":"ERROR","message":"forged"}',
    "x\r\nforged",
    "\u2028forged\u2029",
    "\x1b[2J\x1b[31mred",
    "\0\x07\x08",
    "\u202eforged",
    '"},{"forged":"',
    "${jndi:ldap://127.0.0.1/x}",
]


@pytest.mark.parametrize("trap", TRAPS)
def test_printed_line_is_one_log_line_with_one_value(written: io.StringIO, trap: str) -> None:
    EventBuffer("01J", ManualClock()).add_line(LogLine("stdout", trap))
    lines = written.getvalue().rstrip("\n").split("\n")
    assert len(lines) == 1
    document = json.loads(lines[0])
    assert (document["line"], document["message"], document["level"]) == (trap, "plugin output", "INFO")
    assert "forged" not in document
    assert "\x1b" not in lines[0]


@pytest.mark.parametrize("trap", TRAPS)
def test_request_content_is_never_logged(world: World, trap: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        body = {"plugin": trap, "tool": trap, "input": {"text": trap}}
        headers = {"Idempotency-Key": trap, "User-Agent": trap, "X-API-Key": trap, "Prefer": trap}
        check(world.request("POST", "/v1/execute", body, headers=headers))
        check(world.request("GET", "/v1/jobs", query={"plugin": [trap], "cursor": [trap]}))
        check(world.request("GET", f"/v1/jobs/{trap}"))
    assert caplog.text == ""
