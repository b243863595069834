"""Asynchronous jobs as executions of the Standard state machine, named after their job."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from interlock.adapters.aws import error_code, translated

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient


class StepFunctionsWorkflow:
    """`interlock.ports.Workflow` on AWS Step Functions."""

    def __init__(self, client: SFNClient, state_machine_arn: str) -> None:
        self._client = client
        self._arn = state_machine_arn

    def start(self, tenant: str, job_id: str) -> bool:
        # With the same name and input a running execution is returned as it is; a finished one is refused.
        with translated("workflow"):
            try:
                self._client.start_execution(
                    stateMachineArn=self._arn, name=job_id, input=json.dumps({"tenant": tenant, "job_id": job_id})
                )
            except ClientError as error:
                if error_code(error) == "ExecutionAlreadyExists":
                    return False
                raise
        return True

    def stop(self, job_id: str, cause: str) -> None:
        arn = self._arn.replace(":stateMachine:", ":execution:") + f":{job_id}"
        with translated("workflow"):
            try:
                self._client.stop_execution(executionArn=arn, error="Cancelled", cause=cause)
            except ClientError as error:
                if error_code(error) != "ExecutionDoesNotExist":
                    raise
