"""StopExecution with the semantics of AWS: the execution is aborted at once and enters no further state.

moto's interpreter sets a flag that it reads between states: the execution stays RUNNING while a task runs, and then
ends FAILED, since the next state cannot be entered. Here it is ABORTED from the request on, with the request's error
and cause. The task's function continues, as it does on AWS.
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
    """Ignores the end that the interpreter of an aborted execution reports."""

    def terminated(self) -> None:
        return


def sign_calls(key: AccessKey) -> None:
    """Let the interpreter sign its calls with this key: moto gives it one that no account has."""

    def client(**options: Any) -> Any:
        credentials = {"aws_access_key_id": key.id, "aws_secret_access_key": key.secret}
        return boto3.client(**(options | credentials))

    boto_client.boto3 = SimpleNamespace(client=client)


def warm_up() -> None:
    """Create a client, as the interpreter does for each task: the first use of boto3's default session, which they
    share, is not thread-safe."""
    boto_client.boto_client_for(REGION, "lambda")


def abort(request: bytes) -> None:
    """Abort the execution that a `StopExecution` request names, if it runs. moto answers errors."""
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
    """Wait until the execution has entered its first state: an earlier stop would be lost."""
    until = time.monotonic() + _SETTLE_S
    while time.monotonic() < until and not (worker.env is not None and worker.env.is_running()):
        if worker.env is not None and worker.env.program_state() is not None:
            return
        time.sleep(0.002)
