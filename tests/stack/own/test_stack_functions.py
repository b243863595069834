"""Functions in real Lambda runtimes, and the handling of those that misbehave."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3
import pytest
import requests
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.stack.stacks import Running

pytestmark = pytest.mark.xdist_group("stack")

MACHINE = "arn:aws:states:us-east-1:123456789012:stateMachine:interlock-dev-Workflow"


def aws(stack: Running, service: str, key: str = "", secret: str = "") -> Any:
    return boto3.client(  # type: ignore[call-overload]
        service,
        endpoint_url=stack.published["aws_endpoint_url"],
        region_name="us-east-1",
        aws_access_key_id=key or stack.published["aws_access_key_id"],
        aws_secret_access_key=secret or stack.published["aws_secret_access_key"],
        config=Config(retries={"total_max_attempts": 1}),
    )


def probe(stack: Running, what: str, **more: Any) -> dict[str, Any]:
    answer = stack.client.call("POST", f"/probe/{what}", more)
    assert answer.status == 200, answer.body
    return answer.body


def invoke(stack: Running, what: str, **more: Any) -> tuple[str | None, Any]:
    """Invoke a function. Return the function error and the payload."""
    answer = aws(stack, "lambda").invoke(FunctionName="ProbeFunction", Payload=json.dumps({"what": what, **more}))
    return answer.get("FunctionError"), json.load(answer["Payload"])


@pytest.mark.parametrize("what", ["crash", "segfault", "exit", "raise", "sleep", "large"])
def test_a_function_that_fails_is_a_503_and_the_next_call_is_served(probes: Running, what: str) -> None:
    answer = probes.client.call("POST", f"/probe/{what}", {})
    assert (answer.status, answer.code, answer.headers["Retry-After"]) == (503, "unavailable", "1")
    assert probe(probes, "pid")["pid"] > 0


@pytest.mark.parametrize(
    ("what", "kind"),
    [
        ("crash", "Runtime.ExitError"),
        ("raise", "LookupError"),
        ("sleep", "Sandbox.Timedout"),
        ("large", "Function.ResponseSizeTooLarge"),
    ],
)
def test_the_data_plane_reports_function_errors(probes: Running, what: str, kind: str) -> None:
    error, payload = invoke(probes, what)
    assert (error, payload["errorType"]) == ("Unhandled", kind)


def test_an_exception_leaves_the_environment_and_a_crash_does_not(probes: Running) -> None:
    before = probe(probes, "pid")["pid"]
    assert probes.client.call("POST", "/probe/raise", {}).status == 503
    assert probe(probes, "pid")["pid"] == before
    assert probes.client.call("POST", "/probe/crash", {}).status == 503
    assert probe(probes, "pid")["pid"] != before
    assert not Path(f"/proc/{before}").exists()


def test_function_has_exactly_the_permissions_of_its_policies(probes: Running) -> None:
    assert probe(probes, "get_item", partition="OPEN#1")["code"] is None
    assert probe(probes, "get_item", partition="CLOSED#1")["code"] == "AccessDeniedException"
    assert "ProbeFunction is not authorized to perform: dynamodb:GetItem" in probes.log.read_text()


CALLS = {
    "dynamodb": lambda client: client.list_tables(),
    "lambda": lambda client: client.invoke(FunctionName="ProbeFunction"),
    "s3": lambda client: client.list_buckets(),
    "stepfunctions": lambda client: client.list_state_machines(),
}


@pytest.mark.parametrize("service", CALLS)
def test_unknown_access_keys_and_wrong_signatures_are_refused(probes: Running, service: str) -> None:
    codes = {"s3": ("InvalidAccessKeyId", "SignatureDoesNotMatch")}
    unknown, wrong = codes.get(service, ("UnrecognizedClientException", "InvalidSignatureException"))
    CALLS[service](aws(probes, service))
    for key in ("local", "test", "ProbeFunction", "ak"):
        with pytest.raises(ClientError) as refused:
            CALLS[service](aws(probes, service, key, key))
        assert refused.value.response["Error"]["Code"] == unknown
    with pytest.raises(ClientError) as refused:
        CALLS[service](aws(probes, service, secret="guessed"))
    assert refused.value.response["Error"]["Code"] == wrong


@pytest.mark.parametrize("path", ["/", "/bucket/key", "/moto-api/data.json", "/2015-03-31/functions/x/invocations"])
def test_unsigned_requests_to_aws_are_refused(probes: Running, path: str) -> None:
    url = probes.published["aws_endpoint_url"]
    assert requests.post(url + path, data=b"{}", timeout=30).status_code == 403


def test_each_function_signs_with_a_separate_key(probes: Running) -> None:
    variables = probe(probes, "environment")["variables"]
    key, secret = variables["AWS_ACCESS_KEY_ID"], variables["AWS_SECRET_ACCESS_KEY"]
    assert key != probes.published["aws_access_key_id"]
    with pytest.raises(ClientError) as refused:
        aws(probes, "lambda", key, secret).invoke(FunctionName="ProbeFunction")
    assert refused.value.response["Error"]["Code"] == "AccessDeniedException"


def test_an_environment_serves_one_request_at_a_time(probes: Running) -> None:
    with ThreadPoolExecutor(4) as callers:
        answers = list(callers.map(lambda _: probe(probes, "sleep", seconds=1.5), range(4)))
    # All four calls of 1.5 s have succeeded with a timeout of 2 s, so none has waited for another.
    assert len({answer["pid"] for answer in answers}) > 1


def test_forty_concurrent_requests_all_get_a_response(probes: Running) -> None:
    with ThreadPoolExecutor(40) as callers:
        answers = list(callers.map(lambda _: probes.client.call("POST", "/probe/pid", {}).status, range(40)))
    assert answers == [200] * 40


def test_a_function_sees_what_lambda_would_show_it(probes: Running) -> None:
    seen = probe(probes, "environment")
    variables = seen["variables"]
    assert variables["PROBE_TABLE"] == probes.published["table"]
    assert variables["PROBE_TABLE_ARN"] == f"arn:aws:dynamodb:us-east-1:123456789012:table/{variables['PROBE_TABLE']}"
    assert variables["PROBE_WORKFLOW"] == probes.published["workflow_arn"] == MACHINE
    assert variables["AWS_ENDPOINT_URL"] == probes.published["aws_endpoint_url"]
    assert variables["AWS_LAMBDA_FUNCTION_NAME"] == "ProbeFunction"
    assert variables["AWS_EXECUTION_ENV"] == "AWS_Lambda_python3.13"
    assert not {"HOME", "USER", "PYTEST_CURRENT_TEST", "VIRTUAL_ENV"} & variables.keys()
    # It cannot import awscrt and OpenSSL, which only SAM CLI needs.
    assert seen["found"] == ["interlock", "pydantic", "requests", "awslambdaric"]
    assert seen["cwd"] == variables["LAMBDA_TASK_ROOT"] == str(probes.project / "functions" / "probe")


def test_the_data_plane_has_lambdas_limits_and_names(probes: Running) -> None:
    client = aws(probes, "lambda")
    with pytest.raises(ClientError) as refused:
        client.invoke(FunctionName="ProbeFunction", Payload=b'{"what":"' + b"x" * 6_300_000 + b'"}')
    assert refused.value.response["Error"]["Code"] == "RequestTooLargeException"
    with pytest.raises(ClientError) as unknown:
        client.invoke(FunctionName="arn:aws:lambda:us-east-1:123456789012:function:Nobody")
    assert unknown.value.response["Error"]["Code"] == "ResourceNotFoundException"


def test_an_asynchronous_invocation_is_accepted_and_runs(probes: Running, tmp_path: Path) -> None:
    payload = json.dumps({"what": "touch", "file": str(tmp_path / "done")})
    answer = aws(probes, "lambda").invoke(FunctionName="ProbeFunction", InvocationType="Event", Payload=payload)
    assert answer["StatusCode"] == 202
    deadline = time.monotonic() + 20
    while not (tmp_path / "done").exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)


# --- Workflows ---


def execution(stack: Running, name: str) -> dict[str, Any]:
    found: dict[str, Any] = aws(stack, "stepfunctions").describe_execution(
        executionArn=f"{MACHINE.replace(':stateMachine:', ':execution:')}:{name}"
    )
    return found


def start(stack: Running, name: str, file: Path) -> str:
    arn: str = aws(stack, "stepfunctions").start_execution(
        stateMachineArn=MACHINE, name=name, input=json.dumps({"file": str(file)})
    )["executionArn"]
    return arn


def test_a_workflow_runs_its_tasks_in_functions(probes: Running, tmp_path: Path) -> None:
    start(probes, "runs", tmp_path / "second")
    deadline = time.monotonic() + 20
    while execution(probes, "runs")["status"] == "RUNNING":
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert execution(probes, "runs")["status"] == "SUCCEEDED"
    assert (tmp_path / "second").exists()


def test_stopped_execution_is_aborted_immediately_and_runs_no_further_step(probes: Running, tmp_path: Path) -> None:
    arn = start(probes, "stopped", tmp_path / "second")
    aws(probes, "stepfunctions").stop_execution(executionArn=arn, error="Cancelled", cause="why")
    found = execution(probes, "stopped")
    assert (found["status"], found["error"], found["cause"]) == ("ABORTED", "Cancelled", "why")
    time.sleep(3)
    assert execution(probes, "stopped")["status"] == "ABORTED"
    assert not (tmp_path / "second").exists()


def test_execution_name_started_repeatedly_runs_once(probes: Running, tmp_path: Path) -> None:
    def start_unless_ended(_: int) -> str | None:
        try:
            return start(probes, "once", tmp_path / "second")
        except aws(probes, "stepfunctions").exceptions.ExecutionAlreadyExists:
            return None  # On a busy machine, the execution has already ended, and its name cannot be reused.

    with ThreadPoolExecutor(8) as callers:
        arns = list(callers.map(start_unless_ended, range(8)))
    assert len(set(arns) - {None}) == 1
    listed = aws(probes, "stepfunctions").list_executions(stateMachineArn=MACHINE)["executions"]
    assert [one["name"] for one in listed].count("once") == 1


def test_conditional_writes_have_one_winner(probes: Running) -> None:
    table, clients = probes.published["table"], [aws(probes, "dynamodb") for _ in range(8)]

    def add(number: int) -> None:
        clients[number % 8].update_item(
            TableName=table,
            Key={"pk": {"S": "counter"}, "sk": {"S": "counter"}},
            UpdateExpression="ADD n :one",
            ExpressionAttributeValues={":one": {"N": "1"}},
        )

    with ThreadPoolExecutor(8) as callers:
        list(callers.map(add, range(200)))
    key = {"pk": {"S": "counter"}, "sk": {"S": "counter"}}
    assert clients[0].get_item(TableName=table, Key=key)["Item"]["n"] == {"N": "200"}
