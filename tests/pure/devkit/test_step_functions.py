"""StopExecution ends a workflow execution at once."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from moto.stepfunctions.exceptions import ExecutionAlreadyExists
from moto.stepfunctions.models import StateMachine
from moto.stepfunctions.parser.models import stepfunctions_parser_backends

from interlock_dev.aws.step_functions import executions
from interlock_dev.aws.step_functions.executions import abort, forget_finished
from interlock_dev.project.access_keys import AccessKey
from interlock_dev.project.template import ACCOUNT, REGION

WAITS = {
    "StartAt": "Wait",
    "States": {
        "Wait": {"Type": "Wait", "Seconds": 1, "Next": "After"},
        "After": {"Type": "Pass", "Result": "too late", "End": True},
    },
}

PASSES = {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}}


@pytest.fixture
def backend() -> Iterator[Any]:
    backend = stepfunctions_parser_backends[ACCOUNT][REGION]
    yield backend
    backend.reset()


def start(backend: Any, definition: object) -> Any:
    machine = backend.create_state_machine("m", json.dumps(definition), f"arn:aws:iam::{ACCOUNT}:role/r")
    return backend.start_execution(machine.arn, "x", "{}")


def stop(execution: Any) -> None:
    abort(json.dumps({"executionArn": execution.execution_arn, "error": "Cancelled", "cause": "why"}).encode())


def test_running_execution_is_aborted_at_once_and_for_good(backend: Any) -> None:
    execution = start(backend, WAITS)
    stop(execution)
    assert (execution.status, execution.error, execution.cause) == ("ABORTED", "Cancelled", "why")
    time.sleep(1.5)
    assert (execution.status, execution.output) == ("ABORTED", None)
    events = execution.to_history_output()["events"]
    assert "After" not in {event.get("stateEnteredEventDetails", {}).get("name") for event in events}


def test_finished_execution_is_not_changed(backend: Any) -> None:
    execution = start(backend, PASSES)
    deadline = time.monotonic() + 30
    while execution.status == "RUNNING":
        assert time.monotonic() < deadline
        time.sleep(0.01)
    stop(execution)
    assert execution.status == "SUCCEEDED"


def test_unknown_execution_is_left_to_moto() -> None:
    abort(b'{"executionArn": "arn:aws:states:us-east-1:123456789012:execution:m:nothing"}')


def test_only_the_last_finished_executions_are_kept(backend: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executions, "KEPT", 2)
    monkeypatch.setattr(executions, "_SURPLUS", 1)
    machine = backend.create_state_machine("m", json.dumps(WAITS), f"arn:aws:iam::{ACCOUNT}:role/r")
    started = [backend.start_execution(machine.arn, str(number), "{}") for number in range(6)]
    for execution in started[1:]:
        stop(execution)
    forget_finished()
    assert [execution.name for execution in machine.executions] == ["0", "4", "5"]
    stop(started[0])


def test_name_of_a_forgotten_execution_is_refused(backend: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executions, "KEPT", 1)
    monkeypatch.setattr(executions, "_SURPLUS", 0)
    monkeypatch.setattr(StateMachine, "_handle_name_input_idempotency", None)
    executions.refuse_forgotten_names()
    machine = backend.create_state_machine("m", json.dumps(WAITS), f"arn:aws:iam::{ACCOUNT}:role/r")
    for name in ("0", "1"):
        stop(backend.start_execution(machine.arn, name, "{}"))
    messages = []
    for _ in range(2):
        with pytest.raises(ExecutionAlreadyExists) as refused:
            backend.start_execution(machine.arn, "0", "{}")
        messages.append(str(refused.value))
        forget_finished()
    assert [one.name for one in machine.executions] == ["1"]
    assert messages[0] == messages[1]
    stop(backend.start_execution(machine.arn, "2", "{}"))


def test_executions_of_one_definition_do_not_share_their_input(backend: Any) -> None:
    executions.sign_calls(AccessKey.create())
    machine = backend.create_state_machine("m", json.dumps(PASSES), f"arn:aws:iam::{ACCOUNT}:role/r")
    started = [backend.start_execution(machine.arn, str(number), json.dumps({"n": number})) for number in range(3)]
    deadline = time.monotonic() + 30
    while any(execution.status == "RUNNING" for execution in started):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert [execution.output for execution in started] == [{"n": number} for number in range(3)]
