"""Requests, each with the documented status that it must get."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tests.service.openapi_batch_cases import BATCH, BATCHES
from tests.service.openapi_key_cases import KEYS
from tests.service.openapi_service import OPERATIONS, UNKNOWN_JOB, Answer, Service, mcp_headers, mcp_message
from tests.service.openapi_webhook_cases import WEBHOOKS


@dataclass(frozen=True, slots=True)
class Case:
    """An operation, the status that it must return, and the circumstances of the request."""

    operation: str
    status: int
    what: str

    def __str__(self) -> str:
        return f"{self.operation}-{self.status}-{self.what}"


type Ask = Callable[[Service], Answer]


def _twice(service: Service, *, tool: str, prefer: str = "") -> Answer:
    """The second of two requests under one idempotency key."""
    key = f"key of {tool} {prefer}"
    first = service.execute(tool, key=key, prefer=prefer)
    second = service.execute(tool, key=key, prefer=prefer)
    assert second.headers["Idempotency-Replayed"] == "true"
    jobs_of = [(answer.body.get("error") or answer.body)["job_id"] for answer in (first, second)]
    assert jobs_of[0] == jobs_of[1]
    return second


def _mismatch(service: Service) -> Answer:
    service.execute("say", key="mismatch", text="one")
    return service.execute("say", key="mismatch", text="another")


def _page(service: Service, **query: str) -> Answer:
    for _ in range(2):
        service.pending()
    return service.call("listJobs", query={name: [value] for name, value in query.items()})


EXECUTE: Mapping[tuple[int, str], Ask] = {
    (200, "succeeded"): lambda service: service.execute("say", text="hello"),
    (200, "too large to inline"): lambda service: service.execute("large"),
    (200, "replayed"): lambda service: _twice(service, tool="say"),
    (202, "pending"): lambda service: service.execute("say", prefer="respond-async"),
    (202, "not finished in time"): lambda service: service.execute("say", prefer="respond-async, wait=1"),
    (202, "replayed"): lambda service: _twice(service, tool="say", prefer="respond-async"),
    (400, "invalid_request"): lambda service: service.call("execute", {"plugin": "specimen", "inputs": {}}),
    (400, "invalid_request not JSON"): lambda service: service.call("execute", "{"),
    (400, "invalid_request header"): lambda service: service.execute("say", prefer="respond-async, wait=999"),
    (400, "invalid_request key"): lambda service: service.execute("say", key="x" * 256),
    (400, "invalid_input"): lambda service: service.execute("say", text=7),
    (400, "invalid_input upload"): lambda service: service.execute("look", file={"upload_id": "made-up"}),
    (400, "unknown_plugin"): lambda service: service.call("execute", {"plugin": "nobody", "input": {}}),
    (400, "unknown_tool"): lambda service: service.execute("nothing"),
    (400, "plugin_exception"): lambda service: service.execute("fail"),
    (400, "plugin_exception replayed"): lambda service: _twice(service, tool="fail"),
    (400, "plugin_crashed"): lambda service: service.execute("crash"),
    (400, "invalid_output"): lambda service: service.execute("nonsense"),
    (400, "plugin_unavailable"): lambda service: service.call("execute", {"plugin": "broken", "input": {}}),
    (400, "timeout"): lambda service: service.execute("sleep"),
    (422, "idempotency_mismatch"): _mismatch,
}


JOBS: Mapping[tuple[str, int, str], Ask] = {
    ("getJob", 200, "pending"): lambda service: service.call("getJob", job_id=service.pending()),
    ("getJob", 200, "running"): lambda service: service.call("getJob", job_id=service.running()),
    ("getJob", 200, "succeeded"): lambda service: service.call("getJob", job_id=service.finished()),
    ("getJob", 200, "failed"): lambda service: service.call("getJob", job_id=service.finished("fail")),
    ("getJob", 200, "timed out"): lambda service: service.call("getJob", job_id=service.finished("sleep")),
    ("getJob", 200, "waited for"): lambda service: service.call(
        "getJob", job_id=service.pending(), headers={"Prefer": "wait=1"}
    ),
    ("getJob", 200, "cancelled"): lambda service: service.call("getJob", job_id=service.cancelled()),
    ("getJob", 200, "worker lost"): lambda service: service.call("getJob", job_id=service.lost()),
    ("getJob", 404, "unknown"): lambda service: service.call("getJob", job_id=UNKNOWN_JOB),
    ("getEvents", 200, "talkative"): lambda service: service.call("getEvents", job_id=service.finished("talk")),
    ("getEvents", 200, "flood"): lambda service: service.call("getEvents", job_id=service.finished("flood")),
    ("getEvents", 200, "none after"): lambda service: service.call(
        "getEvents", job_id=service.finished(), query={"after": ["9"]}
    ),
    ("getEvents", 400, "no number"): lambda service: service.call(
        "getEvents", job_id=service.finished(), query={"after": ["x"]}
    ),
    ("getEvents", 404, "unknown"): lambda service: service.call("getEvents", job_id=UNKNOWN_JOB),
    ("getResult", 200, "succeeded"): lambda service: service.call("getResult", job_id=service.finished()),
    ("getResult", 200, "large"): lambda service: service.call("getResult", job_id=service.finished("large")),
    ("getResult", 200, "failed"): lambda service: service.call("getResult", job_id=service.finished("crash")),
    ("getResult", 200, "prevented"): lambda service: service.call("getResult", job_id=service.cancelled()),
    ("getResult", 200, "worker lost"): lambda service: service.call("getResult", job_id=service.lost()),
    ("getResult", 404, "unknown"): lambda service: service.call("getResult", job_id=UNKNOWN_JOB),
    ("getResult", 409, "not_finished"): lambda service: service.call("getResult", job_id=service.pending()),
    ("listJobs", 200, "first page"): lambda service: _page(service, limit="1"),
    ("listJobs", 200, "everything"): lambda service: _page(service, limit="100"),
    ("listJobs", 200, "none"): lambda service: _page(service, plugin="nobody"),
    ("listJobs", 200, "by an alias"): lambda service: _page(service, status="queued", tool="say"),
    ("listJobs", 400, "bad limit"): lambda service: _page(service, limit="0"),
    ("listJobs", 400, "unknown parameter"): lambda service: _page(service, page="2"),
}


def _rerun_twice(service: Service) -> Answer:
    """The second of two requests to run a job again under one idempotency key, between which the new job has ended."""
    original, headers = service.finished(), {"Idempotency-Key": "rerun"}
    first = service.call("rerunJob", {"input": {"text": "again"}}, job_id=original, headers=headers)
    assert first.body["rerun_of"] == original
    service.run(str(first.body["job_id"]))
    second = service.call("rerunJob", {"input": {"text": "again"}}, job_id=original, headers=headers)
    assert second.headers["Idempotency-Replayed"] == "true"
    assert second.body["result"] == {"text": "again"}
    return second


def _rerun_mismatch(service: Service) -> Answer:
    original, headers = service.finished(), {"Idempotency-Key": "rerun mismatch"}
    service.call("rerunJob", job_id=original, headers=headers)
    return service.call("rerunJob", {"timeout_s": 1}, job_id=original, headers=headers)


RERUN: Mapping[tuple[str, int, str], Ask] = {
    ("rerunJob", 200, "replayed"): _rerun_twice,
    ("rerunJob", 202, "of a finished job"): lambda service: service.call("rerunJob", job_id=service.finished()),
    ("rerunJob", 202, "of a pending job"): lambda service: service.call(
        "rerunJob", {"deadline_s": 60}, job_id=service.pending()
    ),
    ("rerunJob", 400, "invalid_input"): lambda service: service.call(
        "rerunJob", {"input": {"text": 7}}, job_id=service.finished()
    ),
    ("rerunJob", 400, "invalid_request"): lambda service: service.call(
        "rerunJob", {"tool": "say"}, job_id=service.finished()
    ),
    ("rerunJob", 404, "unknown"): lambda service: service.call("rerunJob", job_id=UNKNOWN_JOB),
    ("rerunJob", 409, "expired"): lambda service: service.call(
        "rerunJob", job_id=service.execute("say", text="x" * 300).body["job_id"]
    ),
    ("rerunJob", 422, "idempotency_mismatch"): _rerun_mismatch,
}


CANCEL: Mapping[tuple[int, str], Callable[[Service, str], Answer]] = {
    (200, "prevented"): lambda service, operation: service.call(operation, job_id=service.pending()),
    (200, "again"): lambda service, operation: service.call(operation, job_id=service.cancelled()),
    (202, "cancelling"): lambda service, operation: service.call(
        operation, {"reason": "not needed any more"}, job_id=service.running()
    ),
    (400, "unknown field"): lambda service, operation: service.call(operation, {"why": ""}, job_id=service.pending()),
    (404, "unknown"): lambda service, operation: service.call(operation, job_id=UNKNOWN_JOB),
    (409, "already_finished"): lambda service, operation: service.call(operation, job_id=service.finished()),
}


PLUGINS: Mapping[tuple[str, int, str], Ask] = {
    ("listPlugins", 200, "all"): lambda service: service.call("listPlugins"),
    ("getPlugin", 200, "ocr"): lambda service: service.call("getPlugin", name="ocr"),
    ("getPlugin", 200, "image"): lambda service: service.call("getPlugin", name="image"),
    ("getPlugin", 200, "motion"): lambda service: service.call("getPlugin", name="motion"),
    ("getPlugin", 200, "block_mapper"): lambda service: service.call("getPlugin", name="block_mapper"),
    ("getPlugin", 200, "specimen"): lambda service: service.call("getPlugin", name="specimen"),
    ("getPlugin", 200, "broken"): lambda service: service.call("getPlugin", name="broken"),
    ("getPlugin", 404, "unknown"): lambda service: service.call("getPlugin", name="nobody"),
    ("getPluginHealth", 200, "never used"): lambda service: service.call("getPluginHealth", name="ocr"),
    ("getPluginHealth", 200, "broken"): lambda service: service.call("getPluginHealth", name="broken"),
    ("getPluginHealth", 200, "used"): lambda service: (
        service.execute("say") and service.call("getPluginHealth", name="specimen")
    ),
    ("getPluginHealth", 404, "unknown"): lambda service: service.call("getPluginHealth", name="nobody"),
    ("getHealth", 200, "ok"): lambda service: service.call("getHealth", scopes=None),
    ("getOpenApi", 200, "whole"): lambda service: service.call("getOpenApi", scopes=None),
}

UPLOADS: Mapping[tuple[int, str], Ask] = {
    (201, "expected"): lambda service: service.call("createUpload", {"content_type": "image/png", "size": 5}),
    (400, "too large"): lambda service: service.call("createUpload", {"content_type": "image/png", "size": 10**9}),
    (400, "no type"): lambda service: service.call("createUpload", {"content_type": "png", "size": 5}),
    (400, "unknown field"): lambda service: service.call("createUpload", {"name": "a.png", "size": 5}),
}


MCP: Mapping[tuple[int, str], Ask] = {
    (200, "tools"): lambda service: service.mcp("tools/list", {}),
    (200, "succeeded"): lambda service: service.mcp("tools/call", {"name": "specimen-say", "arguments": {"text": "x"}}),
    (200, "failed"): lambda service: service.mcp("tools/call", {"name": "specimen-crash", "arguments": {}}),
    (200, "task"): lambda service: service.mcp("tasks/get", {"taskId": service.finished()}),
    (200, "unavailable"): lambda service: service.mcp("tools/call", {"name": "broken-say", "arguments": {}}),
    (202, "notification"): lambda service: service.call(
        "mcp",
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        headers={"MCP-Protocol-Version": "2025-11-25"},
    ),
    (400, "not JSON"): lambda service: service.call("mcp", "{"),
    (400, "unknown tool"): lambda service: service.mcp("tools/call", {"name": "nobody-say"}),
    (400, "unknown task"): lambda service: service.mcp("tasks/get", {"taskId": UNKNOWN_JOB}),
    (400, "header"): lambda service: service.mcp("tools/list", {}, **{"Mcp-Method": "tools/call"}),
    (404, "unknown method"): lambda service: service.mcp("prompts/list", {}),
}


METADATA: Mapping[tuple[int, str], Ask] = {
    (200, "issuer"): lambda service: service.call("getResourceMetadata", scopes=None),
    # The other functions have no issuer.
    (404, "none"): lambda service: service.call("getResourceMetadata", scopes=None, table_is_down=True),
}


_BODIES: Mapping[str, Any] = {
    "execute": {"plugin": "specimen", "input": {}},
    "submitBatch": BATCH,
    "mcp": mcp_message("tools/call", {"name": "specimen-sleep", "arguments": {}}),
}
_HEADERS = {"mcp": mcp_headers("tools/call", {"name": "specimen-sleep"})}
"""The bodies and headers of valid requests, for operations that need a body."""


NO_PARAMETERS = ("getJob", "getResult", "listPlugins", "getPlugin", "getPluginHealth")
"""Operations that reject any query."""


NO_TABLE = {"createUpload", "getPlugin", "getHealth", "getOpenApi", "getResourceMetadata"}
"""Operations that answer without the table."""


def _refused(operation: str, **how: Any) -> Ask:
    """Return a request to an operation that is valid except for `how`, such as a wrong method or missing scopes."""
    body, headers = _BODIES.get(operation), _HEADERS.get(operation)
    return lambda service: service.call(operation, body, headers=headers, **how)


def _asked_for_more(operation: str) -> Ask:
    """Return the response of an operation on an existing resource to an unknown parameter."""
    return lambda service: service.call(operation, query={"page": ["2"]}, job_id=service.pending())


def _limited(operation: str) -> Ask:
    """Return the response of an operation to a key that has used up its rate."""
    limits = {"key_id": f"hasty-{operation}", "rate": "1/h"}

    def ask(service: Service) -> Answer:
        assert _refused(operation, limits=limits)(service).status != 429
        return _refused(operation, limits=limits)(service)

    return ask


def _cancelling(operation: str, cancel: Callable[[Service, str], Answer]) -> Ask:
    return lambda service: cancel(service, operation)


def _cases() -> Iterator[tuple[Case, Ask]]:
    by_operation = {"execute": EXECUTE, "createUpload": UPLOADS, "mcp": MCP, "getResourceMetadata": METADATA}
    for operation, cases in by_operation.items():
        for (status, what), ask in cases.items():
            yield Case(operation, status, what), ask
    for (operation, status, what), ask in {**JOBS, **RERUN, **WEBHOOKS, **PLUGINS, **KEYS, **BATCHES}.items():
        yield Case(operation, status, what), ask
    for operation in ("cancelJob", "deleteJob"):
        for (status, what), cancel in CANCEL.items():
            yield Case(operation, status, what), _cancelling(operation, cancel)
    for operation in NO_PARAMETERS:
        yield Case(operation, 400, "unknown parameter"), _asked_for_more(operation)
    for operation, (_, _, document) in OPERATIONS.items():
        yield Case(operation, 405, "another method"), _refused(operation, method="PATCH")
        if document["security"]:
            yield Case(operation, 401, "no caller"), _refused(operation, scopes=None)
            yield Case(operation, 403, "another scope"), _refused(operation, scopes="nothing:at-all")
            yield Case(operation, 429, "too often"), _limited(operation)
        if operation not in NO_TABLE:
            yield Case(operation, 503, "no table"), _refused(operation, table_is_down=True)


CASES = dict(_cases())


def answered(service: Service, case: Case) -> Answer:
    """The answer of a case."""
    return service.once(case, CASES[case])
