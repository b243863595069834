"""Asynchronous jobs and deliveries of webhooks as executions of Standard state machines, named after what they do."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from interlock.adapters.aws import error_code, translated

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

    from interlock.domain.webhook import Step


class StepFunctionsWorkflow:
    """`interlock.ports.Workflow` on AWS Step Functions."""

    def __init__(self, client: SFNClient, state_machine_arn: str) -> None:
        self._client = client
        self._arn = state_machine_arn

    def start(self, tenant: str, job_id: str) -> bool:
        return _start(self._client, self._arn, job_id, {"tenant": tenant, "job_id": job_id})

    def stop(self, job_id: str, cause: str) -> None:
        arn = self._arn.replace(":stateMachine:", ":execution:") + f":{job_id}"
        with translated("workflow"):
            try:
                self._client.stop_execution(executionArn=arn, error="Cancelled", cause=cause)
            except ClientError as error:
                if error_code(error) != "ExecutionDoesNotExist":
                    raise


class StepFunctionsDeliveries:
    """`interlock.ports.DeliveryWorkflow` on AWS Step Functions."""

    def __init__(self, client: SFNClient, state_machine_arn: str) -> None:
        self._client = client
        self._arn = state_machine_arn

    def start(self, step: Step) -> bool:
        return _start(self._client, self._arn, step.name, step_to_state(step))


def step_to_state(step: Step) -> dict[str, Any]:
    """Return the state of an execution whose next step this is."""
    return {
        "tenant": step.tenant,
        "job_id": step.job_id,
        "event": step.event.value,
        "round": step.round,
        "attempt": step.attempt,
    }


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
