"""The workflow's adapter: executions are started and stopped once."""

import json
from copy import replace
from typing import TYPE_CHECKING, Any

import pytest

from interlock.adapters.step_functions import StepFunctionsWorkflow
from interlock.domain.errors import ServiceUnavailable
from interlock.domain.job_status import JobStatus
from tests.fakes.jobs import a_job
from tests.service import clients

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

JOB = a_job(job_id="JOB")


@pytest.fixture
def machine(moto_url: str, tenant: str) -> "tuple[SFNClient, str]":
    """Create a state machine whose executions do not advance (moto runs none by default)."""
    client = clients.stepfunctions(moto_url)
    definition = {"StartAt": "Wait", "States": {"Wait": {"Type": "Wait", "Seconds": 60, "End": True}}}
    role = "arn:aws:iam::123456789012:role/workflow"
    made = client.create_state_machine(name=tenant, definition=json.dumps(definition), roleArn=role)
    return client, made["stateMachineArn"]


def execution(machine: "tuple[SFNClient, str]", job_id: str) -> Any:
    client, arn = machine
    return client.describe_execution(executionArn=arn.replace(":stateMachine:", ":execution:") + f":{job_id}")


def test_an_execution_is_named_after_its_job_and_gets_tenant_and_id(machine: "tuple[SFNClient, str]") -> None:
    assert StepFunctionsWorkflow(*machine).start(JOB) is True
    found = execution(machine, "JOB")
    assert (found["status"], json.loads(found["input"])) == ("RUNNING", {"tenant": "acme", "job_id": "JOB"})


def test_each_attempt_of_a_parked_job_has_its_own_execution(machine: "tuple[SFNClient, str]") -> None:
    workflow, resumed = StepFunctionsWorkflow(*machine), a_job(JobStatus.RUNNING, job_id="JOB", worker_id=None)
    workflow.start(JOB)
    assert workflow.start(resumed) is True
    workflow.stop(replace(resumed, worker_id="worker", attempt=2), "cancelled by the caller")
    assert [execution(machine, name)["status"] for name in ("JOB", "JOB-1")] == ["RUNNING", "ABORTED"]
    assert json.loads(execution(machine, "JOB-1")["input"]) == {"tenant": "acme", "job_id": "JOB"}


def test_missing_state_machine_is_unavailable(machine: "tuple[SFNClient, str]") -> None:
    client, arn = machine
    with pytest.raises(ServiceUnavailable):
        StepFunctionsWorkflow(client, arn + "-2").start(JOB)
    with pytest.raises(ServiceUnavailable):
        StepFunctionsWorkflow(client, "no arn at all").stop(JOB, "cancelled by the caller")


def test_a_running_execution_is_started_once(machine: "tuple[SFNClient, str]") -> None:
    workflow = StepFunctionsWorkflow(*machine)
    assert [workflow.start(JOB) for _ in range(3)] == [True, True, True]
    client, arn = machine
    assert len(client.list_executions(stateMachineArn=arn)["executions"]) == 1


def test_stopped_execution_is_not_started_again(machine: "tuple[SFNClient, str]") -> None:
    workflow = StepFunctionsWorkflow(*machine)
    workflow.start(JOB)
    for _ in range(2):
        workflow.stop(JOB, "cancelled by the caller")
    assert execution(machine, "JOB")["status"] == "ABORTED"
    assert workflow.start(JOB) is False
    assert execution(machine, "JOB")["status"] == "ABORTED"


def test_stopping_an_unstarted_execution_does_nothing(machine: "tuple[SFNClient, str]") -> None:
    StepFunctionsWorkflow(*machine).stop(JOB, "cancelled by the caller")
    client, arn = machine
    assert client.list_executions(stateMachineArn=arn)["executions"] == []
