"""`interlock invoke` runs one event through a function."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.stack.stacks import ROOT, Running

HTTP = {"httpMethod": "GET", "path": "/"}

pytestmark = pytest.mark.xdist_group("stack")


def invoke(project: Path, *arguments: str, event: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "interlock_dev.commands.cli", "invoke", *arguments, "-e", "-"],
        cwd=project,
        input=json.dumps(event),
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )


def test_invoke_without_a_running_stack_starts_one(probe_project: Path, tmp_path: Path) -> None:
    # Another folder, so that no running stack is found.
    project = tmp_path / "project"
    project.symlink_to(probe_project)
    ended = invoke(project.resolve(), "ProbeFunction", event={**HTTP, "what": "environment"})
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout)["variables"]["AWS_LAMBDA_FUNCTION_NAME"] == "ProbeFunction"
    assert "START RequestId" in ended.stderr


def test_on_the_running_stack(probes: Running) -> None:
    ended = invoke(probes.project, "ProbeFunction", event={**HTTP, "what": "environment"})
    assert json.loads(ended.stdout)["variables"]["AWS_ENDPOINT_URL"] == probes.published["aws_endpoint_url"]


def test_a_function_error_is_printed_and_the_status_is_1(probes: Running) -> None:
    ended = invoke(probes.project, "probe", event={**HTTP, "what": "raise"})
    assert (ended.returncode, json.loads(ended.stdout)["errorType"]) == (1, "LookupError")


def test_unknown_function_is_reported_in_one_line(probes: Running) -> None:
    ended = invoke(probes.project, "nobody", event={})
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == "interlock: there is no function 'nobody'. There are: AuthorizeFunction, ProbeFunction\n"


@pytest.mark.parametrize(
    ("function", "event", "missing"),
    [
        ("ProbeFunction", {"httpMethod": "GET"}, "path"),
        ("AuthorizeFunction", {"httpMethod": "GET", "path": "/"}, "methodArn"),
    ],
)
def test_invalid_gateway_event_is_reported_in_one_line(
    probes: Running, function: str, event: object, missing: str
) -> None:
    ended = invoke(probes.project, function, event=event)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == (
        f"interlock: standard input is not an API Gateway event, which {function} expects: {missing!r} is missing\n"
    )


def test_a_function_that_no_gateway_calls_takes_any_event(real: Running) -> None:
    ended = invoke(real.project, "settle_jobs", event={})
    assert ended.returncode == 0, ended.stderr


def test_an_event_of_the_repository(real: Running) -> None:
    event = json.loads((ROOT / "events" / "health.json").read_text())
    ended = invoke(real.project, "jobs", event=event)
    assert json.loads(ended.stdout)["statusCode"] == 200
