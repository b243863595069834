"""`interlock invoke` runs one event through a function."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.stack.stacks import ROOT, Ended, Running

HTTP = {"httpMethod": "GET", "path": "/"}

pytestmark = pytest.mark.xdist_group("stack")


type Invoke = Callable[..., Ended]

RUNNER = """
import contextlib, io, json, os, sys
from interlock_dev.commands.cli import main

for line in sys.stdin:
    folder, arguments, text = json.loads(line)
    os.chdir(folder)
    out, err = io.StringIO(), io.StringIO()
    sys.stdin = io.StringIO(text)
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = int(main(arguments))
    print(json.dumps({"status": status, "out": out.getvalue(), "err": err.getvalue()}), flush=True)
"""


@pytest.fixture(scope="module")
def invoke() -> Iterator[Invoke]:
    """Run the command in one process for all tests: what it imports takes more than a second."""
    command = [sys.executable, "-c", RUNNER]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        asks, answers = process.stdin, process.stdout
        assert asks
        assert answers

        def run(project: Path, function: str, *, event: object) -> Ended:
            asked = [str(project), ["invoke", function, "-e", "-"], json.dumps(event)]
            print(json.dumps(asked), file=asks, flush=True)
            return Ended(**json.loads(answers.readline()))

        yield run


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


def test_on_the_running_stack(probes: Running, invoke: Invoke) -> None:
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


def test_a_function_that_no_gateway_calls_takes_any_event(real: Running, invoke: Invoke) -> None:
    ended = invoke(real.project, "settle_jobs", event={})
    assert ended.status == 0, ended.err


def test_an_event_of_the_repository(real: Running, invoke: Invoke) -> None:
    event = json.loads((ROOT / "events" / "health.json").read_text())
    ended = invoke(real.project, "jobs", event=event)
    assert json.loads(ended.out)["statusCode"] == 200
