"""Jobs, batches and deliveries of webhooks as executions of Standard state machines, named after what they do."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from interlock.adapters.aws import error_code, translated
from interlock.domain.webhook import Step, Subject, WebhookEvent

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

    from interlock.domain.batch import Batch
    from interlock.domain.job import Job


class StepFunctionsWorkflow:
    """`interlock.ports.Workflow` on AWS Step Functions."""

    def __init__(self, client: SFNClient, state_machine_arn: str) -> None:
        self._client = client
        self._arn = state_machine_arn

    def start(self, job: Job) -> bool:
        return _start(self._client, self._arn, job.execution, {"tenant": job.tenant, "job_id": job.job_id})

    def stop(self, job: Job, cause: str) -> None:
        _stop(self._client, self._arn, job.execution, cause)


class StepFunctionsBatches:
    """`interlock.ports.BatchWorkflow` on AWS Step Functions."""

    def __init__(self, client: SFNClient, state_machine_arn: str) -> None:
        self._client = client
        self._arn = state_machine_arn

    def start(self, batch: Batch) -> bool:
        state = {"tenant": batch.tenant, "batch_id": batch.batch_id}
        return _start(self._client, self._arn, _execution_name(batch), state)

    def stop(self, batch: Batch, cause: str) -> None:
        _stop(self._client, self._arn, _execution_name(batch), cause)


def _execution_name(batch: Batch) -> str:
    return f"{batch.batch_id}-{batch.round}"


class StepFunctionsDeliveries:
    """`interlock.webhook_ports.DeliveryWorkflow` on AWS Step Functions."""

    def __init__(self, client: SFNClient, state_machine_arn: str) -> None:
        self._client = client
        self._arn = state_machine_arn

    def start(self, step: Step) -> bool:
        return _start(self._client, self._arn, step.name, step_to_state(step))


def step_to_state(step: Step) -> dict[str, Any]:
    """Return the state of an execution that performs this step next."""
    subject = step.subject
    return {
        "tenant": subject.tenant,
        "batch_id" if subject.is_batch else "job_id": subject.id,
        "event": step.event.value,
        "round": step.round,
        "attempt": step.attempt,
    }


def step_from_state(state: Mapping[str, Any]) -> Step:
    """Return the next step of an execution with this state."""
    is_batch = "batch_id" in state
    subject = Subject(state["tenant"], state["batch_id" if is_batch else "job_id"], is_batch)
    return Step(subject, WebhookEvent(state["event"]), int(state["round"]), int(state["attempt"]))


def _start(client: SFNClient, arn: str, name: str, state: Mapping[str, Any]) -> bool:
    # With the same name and input a running execution is returned as it is; a finished one is refused.
    with translated("workflow"):
        try:
            client.start_execution(stateMachineArn=arn, name=name, input=json.dumps(state))
        except ClientError as error:
            if error_code(error) == "ExecutionAlreadyExists":
                return False
            raise
    return True


def _stop(client: SFNClient, arn: str, name: str, cause: str) -> None:
    execution = arn.replace(":stateMachine:", ":execution:") + f":{name}"
    with translated("workflow"):
        try:
            client.stop_execution(executionArn=execution, error="Cancelled", cause=cause)
        except ClientError as error:
            if error_code(error) != "ExecutionDoesNotExist":
                raise
