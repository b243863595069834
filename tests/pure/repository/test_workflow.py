"""The state machine's definition: valid by cfn-lint, and with the properties that the service's promises stand on."""

import copy
import inspect
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cfnlint.api import lint_all  # type: ignore[import-untyped]
from samcli.yamlhelper import yaml_parse

from interlock.adapters.step_functions import StepFunctionsWorkflow
from interlock.composition import job_worker, settlement
from interlock.jobs.runner import LEASE

type Json = dict[str, Any]

ROOT = Path(__file__).resolve().parents[3]
RESOURCES: Json = yaml_parse((ROOT / "template.yaml").read_text())["Resources"]
[(MACHINE, PROPERTIES)] = [
    (name, one["Properties"]) for name, one in RESOURCES.items() if one["Type"] == "AWS::Serverless::StateMachine"
]
TEXT = (ROOT / PROPERTIES["DefinitionUri"]).read_text()
DEFINITION: Json = yaml_parse(TEXT)
STATES: Json = DEFINITION["States"]

LAMBDA_SERVICE_ERRORS = {
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.TooManyRequestsException",
    "Lambda.ClientExecutionTimeoutException",
}
"""Failures of the service around the function. Those of the function itself are none of them."""


def lint(definition: Json) -> list[str]:
    """Return the errors and warnings of cfn-lint on a definition, as `rule: message`."""
    arn = "arn:aws:lambda:us-east-1:123456789012:function:some"
    machine = {
        "Type": "AWS::StepFunctions::StateMachine",
        "Properties": {
            "RoleArn": "arn:aws:iam::123456789012:role/workflow",
            "StateMachineType": PROPERTIES["Type"],
            "Definition": definition,
            "DefinitionSubstitutions": {
                **dict.fromkeys(PROPERTIES["DefinitionSubstitutions"], arn),
                "Partition": "aws",
            },
        },
    }
    template = {"AWSTemplateFormatVersion": "2010-09-09", "Resources": {"Workflow": machine}}
    found = [f"{match.rule.id}: {match.message}" for match in lint_all(json.dumps(template))]
    return [problem for problem in found if problem[0] in "EW"]


def successors(state: Json) -> Iterator[str]:
    """Where a state may lead to."""
    yield from (catch["Next"] for catch in state.get("Catch", []))
    yield from (choice["Next"] for choice in state.get("Choices", []))
    yield from (state[key] for key in ("Next", "Default") if key in state)


def function_of(state: Json) -> Json:
    """The properties of the function that a task invokes."""
    substitution = re.fullmatch(r"\$\{(\w+)\}", state["Parameters"]["FunctionName"])
    assert substitution is not None
    logical_id, attribute = PROPERTIES["DefinitionSubstitutions"][substitution[1]]["Fn::GetAtt"]
    assert attribute == "Arn"
    found: Json = RESOURCES[logical_id]["Properties"]
    return found


# --- Valid -----------------------------------------------------------------------------------------------------------


def test_cfn_lint_finds_nothing() -> None:
    assert lint(DEFINITION) == []


SPOILT: dict[str, Callable[[Json], Any]] = {
    "starts nowhere": lambda definition: definition.update(StartAt="Nowhere"),
    "goes nowhere": lambda definition: definition["States"]["RunJob"].pop("End"),
    "runs nothing": lambda definition: definition["States"]["RunJob"].pop("Resource"),
    "unknown field": lambda definition: definition["States"]["RunJob"].update(Timeout=930),
    "bad retry": lambda definition: definition["States"]["RunJob"]["Retry"][0].update(MaxAttempts=-1),
    "bad catch": lambda definition: definition["States"]["RunJob"]["Catch"][0].pop("ErrorEquals"),
    "bad wait": lambda definition: definition["States"]["LetLeaseRunOut"].update(Seconds="20 s"),
    "unknown type": lambda definition: definition["States"]["SettleJob"].update(Type="Work"),
}


@pytest.mark.parametrize("how", SPOILT)
def test_cfn_lint_finds_planted_mistakes(how: str) -> None:
    broken = copy.deepcopy(DEFINITION)
    SPOILT[how](broken)
    assert any(problem.startswith("E3601:") for problem in lint(broken))


def test_every_state_is_reached_and_every_way_leads_somewhere() -> None:
    reached: set[str] = set()
    ahead = [DEFINITION["StartAt"]]
    while ahead:
        name = ahead.pop()
        assert name in STATES, f"there is no state {name}"
        if name not in reached:
            reached.add(name)
            ahead.extend(successors(STATES[name]))
    assert reached == set(STATES)
    assert all("End" in state or any(successors(state)) for state in STATES.values())


def test_substitutions_are_those_that_the_definition_asks_for() -> None:
    assert set(re.findall(r"\$\{(\w+)\}", TEXT)) == set(PROPERTIES["DefinitionSubstitutions"])


def test_it_may_invoke_the_functions_of_its_tasks_and_no_others() -> None:
    given = {
        value["Fn::GetAtt"][0] for value in PROPERTIES["DefinitionSubstitutions"].values() if "Fn::GetAtt" in value
    }
    *invokes, logs = PROPERTIES["Policies"]
    allowed = {policy["LambdaInvokePolicy"]["FunctionName"]["Ref"] for policy in invokes}
    assert given == allowed == {"RunJobFunction", "SettleJobsFunction"}
    assert all(len(policy) == 1 for policy in PROPERTIES["Policies"])
    [statement] = logs["Statement"]
    assert all(action.startswith("logs:") for action in statement["Action"])


def test_its_failures_are_logged_without_the_data_of_jobs() -> None:
    logging = PROPERTIES["Logging"]
    assert (logging["Level"], logging["IncludeExecutionData"]) == ("ERROR", False)
    [to] = logging["Destinations"]
    assert to == {"CloudWatchLogsLogGroup": {"LogGroupArn": {"Fn::GetAtt": ["WorkflowLogGroup", "Arn"]}}}


def test_every_local_interpreter_can_run_it() -> None:
    """JSONPath, no variables, no nested executions."""
    assert DEFINITION.get("QueryLanguage", "JSONPath") == "JSONPath"
    for state in STATES.values():
        assert not {"QueryLanguage", "Assign", "Arguments", "Output"} & set(state)
        assert state.get("Resource", "lambda:invoke").endswith("lambda:invoke")


# --- What it promises ------------------------------------------------------------------------------------------------


def test_it_is_standard() -> None:
    """Express has no StopExecution, and a cancel needs it."""
    assert PROPERTIES["Type"] == "STANDARD"


def test_a_run_is_retried_for_the_service_s_failures_alone_and_not_for_ever() -> None:
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
    # A worker that is alive after all has renewed its lease by then, and the job is left to it.
    waited = sum(STATES[name]["Seconds"] for name in way if STATES[name]["Type"] == "Wait")
    assert waited > LEASE.total_seconds()


def test_a_task_outlasts_its_function() -> None:
    for name in ("RunJob", "SettleJob"):
        assert STATES[name]["TimeoutSeconds"] > function_of(STATES[name])["Timeout"]
    assert DEFINITION["TimeoutSeconds"] > STATES["RunJob"]["TimeoutSeconds"] + STATES["SettleJob"]["TimeoutSeconds"]


def test_both_tasks_get_the_execution_s_input() -> None:
    """`{"tenant", "job_id"}`; a Catch adds to it and takes nothing away."""
    for name in ("RunJob", "SettleJob"):
        assert STATES[name]["Parameters"]["Payload.$"] == "$"
        assert not {"InputPath", "OutputPath", "ResultSelector"} & set(STATES[name])
    [catch] = STATES["RunJob"]["Catch"]
    assert re.fullmatch(r"\$\.(?!tenant$|job_id$)\w+", catch["ResultPath"])


def test_executions_start_with_what_the_tasks_read() -> None:
    class Client:
        """Keeps what is asked of it."""

        started: Json

        def start_execution(self, **asked: str) -> None:
            self.started = asked

    client: Any = Client()
    assert StepFunctionsWorkflow(client, "arn").start("acme", "01KY4QJ3HS0123456789ABCDEF")
    assert client.started["name"] == "01KY4QJ3HS0123456789ABCDEF"
    assert json.loads(client.started["input"]) == {"tenant": "acme", "job_id": "01KY4QJ3HS0123456789ABCDEF"}
    for module in (job_worker, settlement):
        assert set(re.findall(r'event\["(\w+)"\]', inspect.getsource(module))) == {"tenant", "job_id"}
