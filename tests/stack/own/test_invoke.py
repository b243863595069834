"""`interlock invoke` runs one event through a function, in a stack of its own or a running one."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.stack.invoking import Invoke
from tests.stack.stacks import Running

HTTP = {"httpMethod": "GET", "path": "/"}

pytestmark = pytest.mark.xdist_group("stack")


def test_invoke_without_a_running_stack_starts_one(probe_project: Path, tmp_path: Path) -> None:
    # Another folder, so that no running stack is found.
    project = tmp_path / "project"
    project.symlink_to(probe_project)
    ended = subprocess.run(
        [sys.executable, "-m", "interlock_dev.commands.cli", "invoke", "ProbeFunction", "-e", "-"],
        cwd=project.resolve(), input=json.dumps({**HTTP, "what": "environment"}),
        capture_output=True, text=True, timeout=90, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout)["variables"]["AWS_LAMBDA_FUNCTION_NAME"] == "ProbeFunction"
    assert "START RequestId" in ended.stderr


def test_invoke_uses_a_running_stack(probes: Running, invoke: Invoke) -> None:
    ended = invoke(probes.project, "ProbeFunction", event={**HTTP, "what": "environment"})
    assert json.loads(ended.out)["variables"]["AWS_ENDPOINT_URL"] == probes.published["aws_endpoint_url"]


def test_a_function_error_is_printed_and_the_status_is_1(probes: Running, invoke: Invoke) -> None:
    ended = invoke(probes.project, "probe", event={**HTTP, "what": "raise"})
    assert (ended.status, json.loads(ended.out)["errorType"]) == (1, "LookupError")


def test_unknown_function_is_reported_in_one_line(probes: Running, invoke: Invoke) -> None:
    ended = invoke(probes.project, "nobody", event={})
    assert (ended.status, ended.out) == (2, "")
    assert ended.err == "interlock: there is no function 'nobody'. There are: AuthorizeFunction, ProbeFunction\n"


@pytest.mark.parametrize(
    ("function", "event", "missing"),
    [
        ("ProbeFunction", {"httpMethod": "GET"}, "path"),
        ("AuthorizeFunction", {"httpMethod": "GET", "path": "/"}, "methodArn"),
    ],
)
def test_invalid_gateway_event_is_reported_in_one_line(
    probes: Running, invoke: Invoke, function: str, event: object, missing: str
) -> None:
    ended = invoke(probes.project, function, event=event)
    assert (ended.status, ended.out) == (2, "")
    assert ended.err == (
        f"interlock: standard input is not an API Gateway event, which {function} expects: {missing!r} is missing\n"
    )
