"""The state machines' definitions: valid for cfn-lint, and with the properties that the service relies on."""

import copy
import inspect
import json
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

import pytest
from cfnlint.api import lint_all  # type: ignore[import-untyped]

from interlock.adapters.step_functions import StepFunctionsWorkflow
from interlock.composition import job_worker, settlement
from interlock.jobs.lease import LEASE
from tests.fakes.jobs import a_job
from tests.pure.repository.state_machines import (
    DEFINITION,
    DEFINITIONS,
    MACHINES,
    STATES,
    TEXTS,
    Json,
    function_of,
)

LAMBDA_SERVICE_ERRORS = {
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.TooManyRequestsException",
    "Lambda.ClientExecutionTimeoutException",
}
"""Failures of the Lambda service, as opposed to those of the function."""


def lint(definitions: Mapping[str, Json]) -> dict[str, list[str]]:
    """Return the errors and warnings of cfn-lint on definitions, as `rule: message`, by the name of the definition.

    All definitions are in one template, since cfn-lint loads its rules again for each template."""
    arn = "arn:aws:lambda:us-east-1:123456789012:function:some"
    machines = {
        name: {
            "Type": "AWS::StepFunctions::StateMachine",
            "Properties": {
                "RoleArn": "arn:aws:iam::123456789012:role/workflow",
                "StateMachineType": "STANDARD",
                "Definition": definition,
                "DefinitionSubstitutions": {
                    **{text: arn for one in MACHINES.values() for text in one["DefinitionSubstitutions"]},
                    "Partition": "aws",
                },
            },
        }
        for name, definition in definitions.items()
    }
    template = {"AWSTemplateFormatVersion": "2010-09-09", "Resources": machines}
    found: dict[str, list[str]] = {name: [] for name in definitions}
    for match in lint_all(json.dumps(template)):
        if match.rule.id[0] in "EW":
            found[match.path[1]].append(f"{match.rule.id}: {match.message}")
    return found


def successors(state: Json) -> Iterator[str]:
    """Yield the names of the states that may follow a state."""
    yield from (catch["Next"] for catch in state.get("Catch", []))
    yield from (choice["Next"] for choice in state.get("Choices", []))
    yield from (state[key] for key in ("Next", "Default") if key in state)


# --- Validity --------------------------------------------------------------------------------------------------------


def test_definitions_pass_cfn_lint() -> None:
    assert lint(DEFINITIONS) == {"Workflow": [], "DeliveryWorkflow": [], "BatchWorkflow": []}


DEFECTS: dict[str, Callable[[Json], Any]] = {
    "StartsNowhere": lambda definition: definition.update(StartAt="Nowhere"),
    "GoesNowhere": lambda definition: definition["States"]["RunJob"].pop("End"),
    "RunsNothing": lambda definition: definition["States"]["RunJob"].pop("Resource"),
    "UnknownField": lambda definition: definition["States"]["RunJob"].update(Timeout=930),
    "BadRetry": lambda definition: definition["States"]["RunJob"]["Retry"][0].update(MaxAttempts=-1),
    "BadCatch": lambda definition: definition["States"]["RunJob"]["Catch"][0].pop("ErrorEquals"),
    "BadWait": lambda definition: definition["States"]["LetLeaseRunOut"].update(Seconds="20 s"),
    "UnknownType": lambda definition: definition["States"]["SettleJob"].update(Type="Work"),
}


def defective(how: str) -> Json:
    definition = copy.deepcopy(DEFINITION)
    DEFECTS[how](definition)
    return definition


@cache
def problems_of_defects() -> dict[str, list[str]]:
    return lint({how: defective(how) for how in DEFECTS})


@pytest.mark.parametrize("how", DEFECTS)
def test_cfn_lint_finds_planted_defects(how: str) -> None:
    assert any(problem.startswith("E3601:") for problem in problems_of_defects()[how])


@pytest.mark.parametrize("machine", MACHINES)
def test_every_state_is_reachable_and_has_a_successor_or_ends(machine: str) -> None:
    states = DEFINITIONS[machine]["States"]
    reached: set[str] = set()
    ahead = [DEFINITIONS[machine]["StartAt"]]
    while ahead:
        name = ahead.pop()
        assert name in states, f"there is no state {name}"
        if name not in reached:
            reached.add(name)
            ahead.extend(successors(states[name]))
    assert reached == set(states)
    assert all("End" in one or one["Type"] == "Succeed" or any(successors(one)) for one in states.values())


@pytest.mark.parametrize("machine", MACHINES)
def test_substitutions_match_the_definition(machine: str) -> None:
    assert set(re.findall(r"\$\{(\w+)\}", TEXTS[machine])) == set(MACHINES[machine]["DefinitionSubstitutions"])


@pytest.mark.parametrize(
    ("machine", "functions"),
    [
        ("Workflow", {"RunJobFunction", "SettleJobsFunction"}),
        ("DeliveryWorkflow", {"SendWebhookFunction"}),
        (
            "BatchWorkflow",
            {"PrepareBatchFunction", "RunJobFunction", "SettleJobsFunction", "FinishBatchFunction"},
        ),
    ],
)
def test_workflow_may_invoke_only_the_functions_of_its_tasks(machine: str, functions: set[str]) -> None:
    given = {
        value["Fn::GetAtt"][0]
        for value in MACHINES[machine]["DefinitionSubstitutions"].values()
        if "Fn::GetAtt" in value
    }
    *_, logs = MACHINES[machine]["Policies"]
    invokes = [policy for policy in MACHINES[machine]["Policies"] if "LambdaInvokePolicy" in policy]
    allowed = {policy["LambdaInvokePolicy"]["FunctionName"]["Ref"] for policy in invokes}
    assert given == allowed == functions
    assert all(len(policy) == 1 for policy in MACHINES[machine]["Policies"])
    [statement] = logs["Statement"]
    assert all(action.startswith("logs:") for action in statement["Action"])


@pytest.mark.parametrize("machine", MACHINES)
def test_workflow_failures_are_logged_without_execution_data(machine: str) -> None:
    logging = MACHINES[machine]["Logging"]
    assert (logging["Level"], logging["IncludeExecutionData"]) == ("ERROR", False)
    [to] = logging["Destinations"]
    assert to == {"CloudWatchLogsLogGroup": {"LogGroupArn": {"Fn::GetAtt": [f"{machine}LogGroup", "Arn"]}}}


@pytest.mark.parametrize("machine", MACHINES)
def test_definition_uses_only_features_of_local_interpreters(machine: str) -> None:
    """JSONPath, no variables, no nested executions."""
    assert DEFINITIONS[machine].get("QueryLanguage", "JSONPath") == "JSONPath"
    for state in DEFINITIONS[machine]["States"].values():
        assert not {"QueryLanguage", "Assign", "Arguments", "Output"} & set(state)
        assert state.get("Resource", "lambda:invoke").endswith("lambda:invoke")


# --- Behavior -------------------------------------------------------------------------------------------------------


def test_workflows_are_standard() -> None:
    """Express workflows have no StopExecution, which a cancel needs, and last five minutes at most."""
    assert {one["Type"] for one in MACHINES.values()} == {"STANDARD"}


def test_runs_are_retried_only_for_lambda_service_errors_and_with_a_limit() -> None:
    for retry in STATES["RunJob"]["Retry"]:
        assert set(retry["ErrorEquals"]) <= LAMBDA_SERVICE_ERRORS
    for state in STATES.values():
        for retry in state.get("Retry", []):
            assert 1 <= retry["MaxAttempts"] <= 10
            assert retry["BackoffRate"] > 1
            assert retry.get("JitterStrategy", "NONE") in {"FULL", "NONE"}


def test_every_failure_of_a_run_leads_to_settling() -> None:
    [catch] = STATES["RunJob"]["Catch"]
    assert catch["ErrorEquals"] == ["States.ALL"]
    way = [catch["Next"]]
    while not STATES[way[-1]].get("End"):
        way.append(STATES[way[-1]]["Next"])
    assert way[-1] == "SettleJob"
    assert [name for name in way if STATES[name]["Type"] == "Task"] == ["SettleJob"]
    # A live worker has extended its lease by then and keeps the job.
    waited = sum(STATES[name]["Seconds"] for name in way if STATES[name]["Type"] == "Wait")
    assert waited > LEASE.total_seconds()


def test_task_timeouts_exceed_the_timeouts_of_their_functions() -> None:
    for name in ("RunJob", "SettleJob"):
        assert STATES[name]["TimeoutSeconds"] > function_of(STATES[name])["Timeout"]
    assert DEFINITION["TimeoutSeconds"] > STATES["RunJob"]["TimeoutSeconds"] + STATES["SettleJob"]["TimeoutSeconds"]


def test_both_tasks_get_the_input_of_the_workflow_execution() -> None:
    """The input is `{"tenant", "job_id"}`; a Catch only adds to it."""
    for name in ("RunJob", "SettleJob"):
        assert STATES[name]["Parameters"]["Payload.$"] == "$"
        assert not {"InputPath", "OutputPath", "ResultSelector"} & set(STATES[name])
    [catch] = STATES["RunJob"]["Catch"]
    assert re.fullmatch(r"\$\.(?!tenant$|job_id$)\w+", catch["ResultPath"])


def test_workflow_executions_start_with_the_input_that_the_tasks_read() -> None:
    class Client:
        """A fake client that records the arguments of its last call."""

        started: Json

        def start_execution(self, **arguments: str) -> None:
            self.started = arguments

    client: Any = Client()
    job = a_job()
    assert StepFunctionsWorkflow(client, "arn").start(job)
    assert client.started["name"] == job.job_id
    assert json.loads(client.started["input"]) == {"tenant": "acme", "job_id": job.job_id}
    for module in (job_worker, settlement):
        assert set(re.findall(r'event\["(\w+)"\]', inspect.getsource(module))) == {"tenant", "job_id"}
