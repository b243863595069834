"""The outcomes of the verdicts that worker processes report to the ToolRunner."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from interlock.domain.job_status import JobStatus
from interlock.sandbox import Completed
from interlock.tools.messages import MAX_MESSAGE
from tests.fakes.plugins import a_plugin, a_tool
from tests.fakes.sandbox import answered
from tests.fakes.world import World
from tests.pure.core.runner_harness import Harness, error_of, message_of


def test_exception_is_reported_with_class_and_text(harness: Harness) -> None:
    outcome = harness.ends_with(answered("exception", {"exception": "KeyError", "message": "'x'"}))
    assert outcome.status is JobStatus.FAILED
    assert error_of(outcome) == ("plugin_exception", {"exception": "KeyError"})
    assert outcome.error is not None
    assert outcome.error.message == "'x'"


def test_input_refused_by_the_tool_names_the_field(harness: Harness) -> None:
    errors = [{"path": "/image", "message": "is not an image"}]
    outcome = harness.ends_with(answered("invalid_input", {"message": "/image: is not an image", "errors": errors}))
    assert error_of(outcome) == ("invalid_input", {"errors": errors})
    assert message_of(outcome) == "/image: is not an image"


def test_output_rejected_by_the_model_is_invalid_output_with_its_path(harness: Harness) -> None:
    errors = [{"path": "/text", "message": "is missing"}]
    assert error_of(harness.ends_with(answered("invalid_output", errors))) == ("invalid_output", {"errors": errors})


@pytest.mark.parametrize(
    ("verdict", "detail"),
    [
        ("exception", {"exception": "E" * 100_000, "message": "x" * 100_000}),
        ("exception", {"exception": "\udfff", "message": "half \ud800 a character"}),
        ("invalid_input", {"message": "x" * 100_000, "errors": [{"path": "/" + "x" * 10_000, "message": "m"}] * 1000}),
        ("invalid_input", {"message": "m", "errors": [1, None, {}, {"path": "/x"}, {"path": 3, "message": None}]}),
        ("invalid_output", [{"path": "", "message": "x" * 100_000}] * 1000),
        ("unavailable", "x" * 100_000),
    ],
)
def test_worker_reports_are_cut_to_the_limits_of_the_table(harness: Harness, verdict: str, detail: Any) -> None:
    # An item of the table holds at most 400 KB. Reports of a plugin must not prevent its job from finishing.
    outcome = harness.ends_with(answered(verdict, detail))
    assert outcome.error is not None
    code, details = error_of(outcome)
    assert code in {"plugin_exception", "invalid_input", "invalid_output", "plugin_unavailable"}
    assert len(json.dumps([outcome.error.message, details]).encode()) < 40_000
    (outcome.error.message + json.dumps(details, ensure_ascii=False)).encode()  # raises on unpaired surrogates


@pytest.mark.parametrize("number", [0.1, -1.5e-300, 1.7976931348623157e308, 12345678901234567890])
def test_numbers_in_a_result_are_returned_exactly(world_of: Callable[..., World], number: float) -> None:
    world = world_of(a_plugin("echo", a_tool("say", output_schema={})))
    world.sandbox.script = lambda _: answered("succeeded", {"n": number})
    assert world.execute().body["result"] == {"n": number}


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_number_that_json_cannot_represent_is_invalid_output(world_of: Callable[..., World], number: str) -> None:
    world = world_of(a_plugin("echo", a_tool("say", output_schema={})))
    payload = f'{{"verdict": "succeeded", "detail": {{"n": [{number}]}}}}'.encode()
    world.sandbox.script = lambda _: Completed(pid=1, payload=payload)
    assert world.execute().error["code"] == "invalid_output"


@pytest.mark.parametrize(
    ("result", "path"),
    [({"text": 3}, "/text"), ({}, "/text"), ({"text": "x", "extra": 1}, "/extra"), (None, ""), ([], ""), ("text", "")],
)
def test_output_is_always_validated_against_the_manifest(harness: Harness, result: Any, path: str) -> None:
    code, details = error_of(harness.ends_with(answered("succeeded", result)))
    assert code == "invalid_output"
    assert [one["path"] for one in details["errors"]] == [path]


def test_memory_error_is_memory_exceeded(harness: Harness) -> None:
    assert error_of(harness.ends_with(answered("memory", None))) == ("memory_exceeded", {"memory_mb": 300})


def test_plugin_that_cannot_be_loaded_is_unavailable_with_the_reason(harness: Harness) -> None:
    outcome = harness.ends_with(answered("unavailable", "ImportError: no torch"))
    assert error_of(outcome) == ("plugin_unavailable", {"reason": "ImportError: no torch"})


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\xff\xfe",
        b"not json",
        b"[]",
        b"null",
        b"3",
        b"{}",
        b'{"verdict": "succeeded"}',
        b'{"verdict": "made up", "detail": null}',
        b'{"verdict": ["a", "list"], "detail": null}',
        b'{"verdict": "exception", "detail": null}',
        b'{"verdict": "exception", "detail": {"message": "x"}}',
        b'{"verdict": "invalid_input", "detail": []}',
        b'{"verdict": "succeeded", "detail": "\\ud800"}',
    ],
)
def test_malformed_worker_response_is_invalid_output(harness: Harness, payload: bytes) -> None:
    # A plugin can tamper with its worker process.
    outcome = harness.ends_with(Completed(pid=1, payload=payload))
    assert error_of(outcome) == ("invalid_output", {"errors": [{"path": "", "message": "is not JSON"}]})


def test_worker_response_that_is_nested_too_deep_is_invalid_output(harness: Harness) -> None:
    payload = b'{"verdict": "succeeded", "detail": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    problem = {"path": "", "message": "is nested more than 200 levels deep"}
    assert error_of(harness.ends_with(Completed(pid=1, payload=payload))) == ("invalid_output", {"errors": [problem]})


@pytest.mark.parametrize("errors", [None, 7, {}, "none"])
def test_refusal_with_a_malformed_list_of_problems_keeps_its_message(harness: Harness, errors: Any) -> None:
    outcome = harness.ends_with(answered("invalid_input", {"message": "not for me", "errors": errors}))
    assert (error_of(outcome), message_of(outcome)) == (("invalid_input", {"errors": []}), "not for me")


# --- Input requests ---


def requests_of_size(size: int) -> dict[str, Any]:
    """Return an input request whose JSON text has this size."""
    empty: dict[str, Any] = {"name": {"method": "roots/list", "params": {"x": ""}}}
    missing = size - len(json.dumps(empty, separators=(",", ":")))
    return {"name": {"method": "roots/list", "params": {"x": "x" * missing}}}


def test_requested_input_is_named_in_the_message(harness: Harness) -> None:
    requests = {
        "color": {"method": "elicitation/create", "params": {"message": "Which color?"}},
        "folders": {"method": "roots/list", "params": {}},
    }
    outcome = harness.ends_with(answered("input_required", requests))
    assert error_of(outcome) == ("input_required", {"input_requests": requests})
    assert message_of(outcome) == (
        "The tool echo.say needs input from its client: color (elicitation/create); folders (roots/list). "
        "Call it with an MCP client that supports this."
    )


def test_message_about_requested_input_is_bounded(harness: Harness) -> None:
    requests = {"x" * 5000: {"method": "roots/list", "params": {}}}
    assert len(message_of(harness.ends_with(answered("input_required", requests)))) == MAX_MESSAGE


def test_largest_permitted_input_requests_are_kept(harness: Harness) -> None:
    requests = requests_of_size(16 * 1024)
    outcome = harness.ends_with(answered("input_required", requests))
    assert error_of(outcome) == ("input_required", {"input_requests": requests})


@pytest.mark.parametrize(
    "detail",
    [
        None,
        {},
        {"name": "Which one?"},
        {"name": {"method": "tools/call", "params": {}}},
        {"name": {"method": "roots/list"}},
        requests_of_size(16 * 1024 + 1),
    ],
    ids=["none", "empty", "text", "other method", "no params", "too large"],
)
def test_malformed_and_large_input_requests_are_invalid_output(harness: Harness, detail: Any) -> None:
    problem = {"path": "", "message": "is not a map of input requests of at most 16 KiB"}
    outcome = harness.ends_with(answered("input_required", detail))
    assert error_of(outcome) == ("invalid_output", {"errors": [problem]})
