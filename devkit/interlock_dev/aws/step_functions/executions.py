"""moto's Step Functions, with the StopExecution of AWS, bounded memory and less work for each execution.

StopExecution: the execution is aborted at once and enters no further state. moto's interpreter sets a flag that it
reads between states: the execution stays RUNNING while a task runs, and then ends FAILED, since the next state cannot
be entered. Here it is ABORTED from the request on, with the request's error and cause. The task's function continues,
as it does on AWS.

Memory: moto keeps each execution for ever, with its definition and its history. Here the last `KEPT` finished
executions are kept, and the names of all: StartExecution refuses these names, as on AWS, which keeps executions for 90
days.

Work: moto parses the definition for each execution and creates a client for each task. Here both are reused.
"""

import json
import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from types import SimpleNamespace
from typing import Any
from weakref import WeakKeyDictionary

import boto3
from botocore.config import Config
from moto.stepfunctions.exceptions import ExecutionAlreadyExists
from moto.stepfunctions.models import StateMachine
from moto.stepfunctions.parser.api import ExecutionStatus
from moto.stepfunctions.parser.asl.component.state.wait.wait_function.seconds_path import SecondsPath
from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser
from moto.stepfunctions.parser.asl.utils import boto_client
from moto.stepfunctions.parser.backend import execution_worker
from moto.stepfunctions.parser.backend.execution_worker_comm import ExecutionWorkerCommunication
from moto.stepfunctions.parser.models import stepfunctions_parser_backends
from moto.stepfunctions.parser.utils import TMP_THREADS

from interlock_dev.project.access_keys import AccessKey
from interlock_dev.project.template import ACCOUNT, REGION

KEPT = 200
"""Number of finished executions of a state machine that can still be described."""

_SURPLUS = 50
"""Number of executions over `KEPT` at which the oldest are forgotten."""

_CONNECTIONS = 64
"""Connections that the interpreter's client keeps open: as many as tasks are likely to run at once."""

_DEFINITIONS = 16
_SETTLE_S = 5.0

_forgotten: WeakKeyDictionary[Any, set[str]] = WeakKeyDictionary()
"""Names of the executions that have been forgotten, by state machine."""

_existing_in_moto = StateMachine._handle_name_input_idempotency  # noqa: SLF001


class _Aborted(ExecutionWorkerCommunication):  # type: ignore[misc]  # moto has no types
    """Ignores the end that the interpreter of an aborted execution reports."""

    def terminated(self) -> None:
        return


def sign_calls(key: AccessKey) -> None:
    """Let the interpreter sign its calls with this key, because moto's key is not valid here. Tasks share a client."""
    clients: dict[tuple[str, str], Any] = {}
    creating = threading.Lock()

    def client(**options: Any) -> Any:
        wanted = options["service_name"], options["region_name"]
        with creating:
            if wanted not in clients:
                credentials = {"aws_access_key_id": key.id, "aws_secret_access_key": key.secret}
                config = options["config"].merge(Config(max_pool_connections=_CONNECTIONS))
                clients[wanted] = boto3.client(**(options | credentials | {"config": config}))
            return clients[wanted]

    boto_client.boto3 = SimpleNamespace(client=client)
    # Executions do not change a parsed definition: variables belong to the execution.
    parsed = lru_cache(_DEFINITIONS)(AmazonStateLanguageParser.parse)
    execution_worker.AmazonStateLanguageParser = SimpleNamespace(parse=parsed)


def refuse_forgotten_names() -> None:
    """Let StartExecution refuse the name of a forgotten execution."""
    StateMachine._handle_name_input_idempotency = _existing  # noqa: SLF001


def _existing(machine: Any, name: str, execution_input: str) -> Any:
    if name in _forgotten.get(machine, ()):
        arn = machine.arn.replace(":stateMachine:", ":execution:") + f":{name}"
        raise ExecutionAlreadyExists(f"Execution Already Exists: '{arn}'")
    return _existing_in_moto(machine, name, execution_input)


def shorten_waits(factor: float) -> None:
    """Multiply the length of Wait states that read it from their input (`SecondsPath`) by a factor.

    Fixed waits are not shortened: they depend on leases.
    """

    def wait(self: Any, env: Any) -> None:
        until = time.monotonic() + self._get_wait_seconds(env) * factor
        while env.is_running() and (left := until - time.monotonic()) > 0:
            env.program_state_event.wait(left)

    SecondsPath._eval_body = wait  # noqa: SLF001


def warm_up() -> None:
    """Create the client of the tasks before the first of them."""
    boto_client.boto_client_for(REGION, "lambda")


def forget_finished() -> None:
    """Forget all finished executions but the last ones, except for their names. The caller must hold the lock on moto's
    Step Functions."""
    # moto only ever adds to this list.
    TMP_THREADS.clear()
    for machine in stepfunctions_parser_backends[ACCOUNT][REGION].state_machines:
        if len(machine.executions) > KEPT + _SURPLUS:
            finished = [one for one in machine.executions if one.exec_status is not ExecutionStatus.RUNNING]
            forgotten = {one.name for one in finished[:-KEPT]}
            machine.executions[:] = [one for one in machine.executions if one.name not in forgotten]
            _forgotten.setdefault(machine, set()).update(forgotten)


def abort(request: bytes) -> None:
    """Abort the execution that a `StopExecution` request names, if it runs. moto responds to the request afterwards."""
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
