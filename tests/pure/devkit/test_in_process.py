"""Functions in this process return the same responses as in the Lambda runtime."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from interlock_dev.lambda_.environments import Environment, InitFailed, Launch
from interlock_dev.lambda_.in_process import InProcess

HANDLER = """
import os
def handler(event, context):
    if "raise" in event:
        raise ValueError(event["raise"])
    if "exit" in event:
        raise SystemExit(event["exit"])
    if "bytes" in event:
        return "x" * event["bytes"]
    if "object" in event:
        return object()
    return {"function": os.environ["AWS_LAMBDA_FUNCTION_NAME"], "name": context.function_name,
            "arn": context.invoked_function_arn, "left_ms": context.get_remaining_time_in_millis()}
"""


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


def environment(task_root: Path, source: str = HANDLER) -> Environment:
    (task_root / "handler.py").write_text(source)
    variables = {"AWS_LAMBDA_FUNCTION_NAME": "Work", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128", "PATH": "/nowhere"}
    return InProcess([]).create(Launch("Work", "handler.handler", ["python"], task_root, variables, 5))


@pytest.fixture
def started(tmp_path: Path) -> Environment:
    found = environment(tmp_path)
    found.start()
    return found


def test_handler_gets_event_and_context(started: Environment) -> None:
    answer = started.invoke(b"{}")
    document = json.loads(answer.payload)
    assert answer.error is None
    assert 4000 < document.pop("left_ms") <= 5000
    assert document == {
        "function": "Work",
        "name": "Work",
        "arn": "arn:aws:lambda:us-east-1:123456789012:function:Work",
    }
    assert os.environ["PATH"] != "/nowhere"


@pytest.mark.parametrize(
    ("event", "kind", "message"),
    [({"raise": "boo"}, "ValueError", "boo"), ({"exit": 3}, "SystemExit", "3"), ({"object": 1}, "TypeError", None)],
)
def test_exception_is_a_function_error(started: Environment, event: object, kind: str, message: str | None) -> None:
    answer = started.invoke(json.dumps(event).encode())
    document = json.loads(answer.payload)
    assert (answer.error, answer.broken, document["errorType"]) == ("Unhandled", False, kind)
    assert message is None or document["errorMessage"] == message


def test_response_over_the_limit_of_lambda_is_an_error(started: Environment) -> None:
    answer = started.invoke(b'{"bytes": 6400000}')
    assert json.loads(answer.payload)["errorType"] == "Function.ResponseSizeTooLarge"


@pytest.mark.parametrize("source", ["import nothing_of_that_name", "def other(event, context): ..."])
def test_module_that_cannot_be_loaded_is_reported(tmp_path: Path, source: str) -> None:
    with pytest.raises(InitFailed) as failed:
        environment(tmp_path, source).start()
    assert json.loads(failed.value.invocation.payload)["errorType"] == "Runtime.ImportModuleError"
