"""StopExecution as AWS has it: at once, and nothing of the execution runs after it.

moto's interpreter sets a flag that it looks at between states: the execution goes on to be RUNNING while a task is
under way, and then ends FAILED, since the next state cannot be entered. Here it is ABORTED from the request on, with
the error and cause of the request. The task's function runs on, as it does on AWS.
"""

import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import boto3
from moto.stepfunctions.parser.api import ExecutionStatus
from moto.stepfunctions.parser.asl.utils import boto_client
from moto.stepfunctions.parser.backend.execution_worker_comm import ExecutionWorkerCommunication
from moto.stepfunctions.parser.models import stepfunctions_parser_backends

from interlock_dev.project.access_keys import AccessKey
from interlock_dev.project.template import ACCOUNT, REGION

_SETTLE_S = 5.0


class _Aborted(ExecutionWorkerCommunication):  # type: ignore[misc]  # moto has no types
    """Where the interpreter of an aborted execution reports its end: too late to count."""

    def terminated(self) -> None:
        return


def sign_calls(key: AccessKey) -> None:
    """Let the interpreter sign its calls with this key: moto gives it one that no account has."""

    def client(**options: Any) -> Any:
        credentials = {"aws_access_key_id": key.id, "aws_secret_access_key": key.secret}
        return boto3.client(**(options | credentials))

    boto_client.boto3 = SimpleNamespace(client=client)


def warm_up() -> None:
    """Makes a first client, as the interpreter makes one for each task: boto3's default session, which they share, is
    not safe to be used for the first time by several threads."""
    boto_client.boto_client_for(REGION, "lambda")


def abort(request: bytes) -> None:
    """Aborts the execution that a `StopExecution` names, if it runs. Errors are left for moto to answer."""
    asked: Mapping[str, Any] = json.loads(request)
    execution = _execution(asked.get("executionArn", ""))
    if execution is None or execution.exec_status is not ExecutionStatus.RUNNING:
        return
    worker = execution.exec_worker
    _wait_for_start(worker)
    worker._execution_communication = _Aborted()  # noqa: SLF001 - the one place that decides the final status
    if execution.exec_status is ExecutionStatus.RUNNING:
        execution.exec_status = ExecutionStatus.ABORTED
        execution.stop_date = datetime.now(UTC)
        execution.error, execution.cause = asked.get("error"), asked.get("cause")
        worker.env.set_stop(stop_date=execution.stop_date, cause=execution.cause, error=execution.error)


def _execution(arn: str) -> Any:
    backend = stepfunctions_parser_backends[ACCOUNT][REGION]
    for machine in backend.state_machines:
        for execution in machine.executions:
            if execution.execution_arn == arn:
                return execution
    return None


def _wait_for_start(worker: Any) -> None:
    """An execution takes some milliseconds to its first state. A stop before that would be lost."""
    until = time.monotonic() + _SETTLE_S
    while time.monotonic() < until and not (worker.env is not None and worker.env.is_running()):
        if worker.env is not None and worker.env.program_state() is not None:
            return
        time.sleep(0.002)
