"""`interlock deploy` builds with make and deploys with sam. moto emulates AWS in a separate process."""

import json
from pathlib import Path

import boto3
import pytest

from interlock_dev.commands.cli import main
from interlock_dev.commands.exits import Exit

TEMPLATE = {
    "Parameters": {"Architecture": {"Type": "String"}, "Delay": {"Type": "Number", "Default": 0}},
    "Resources": {"Q": {"Type": "AWS::SQS::Queue", "Properties": {"DelaySeconds": {"Ref": "Delay"}}}},
    "Outputs": {"TableName": {"Value": {"Ref": "Architecture"}}},
}
DEPLOY = ("deploy", "--yes", "--stack", "interlock", "--region", "eu-west-1")


@pytest.fixture
def project(tmp_path: Path, moto_url: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose build leaves a file, and the account that it is deployed to."""
    (tmp_path / "template.yaml").write_text(json.dumps(TEMPLATE))
    (tmp_path / "Makefile").write_text("build:\n\techo $(ARCHITECTURE) > built\n")
    monkeypatch.chdir(tmp_path)
    for name, value in {
        "AWS_ENDPOINT_URL": moto_url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "SAM_CLI_TELEMETRY": "0",
        "HOME": str(tmp_path),
    }.items():
        monkeypatch.setenv(name, value)
    return tmp_path


def test_deploy_builds_and_creates_the_stack(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*DEPLOY, "--architecture", "arm64", "--parameter", "Delay=7"]) == Exit.OK
    assert "interlock keys create --stack interlock" in capsys.readouterr().out
    assert (project / "built").read_text() == "arm64\n"
    [stack] = boto3.client("cloudformation", "eu-west-1").describe_stacks(StackName="interlock")["Stacks"]
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    assert {one["ParameterKey"]: one["ParameterValue"] for one in stack["Parameters"]} == {
        "Architecture": "arm64",
        "Delay": "7",
    }


def test_failed_build_is_not_deployed(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "Makefile").write_text("build:\n\tfalse\n")
    assert main([*DEPLOY[:3], "never", *DEPLOY[4:]]) == Exit.TOOL_FAILED
    assert "make ended with status 2" in capsys.readouterr().err
    names = [one["StackName"] for one in boto3.client("cloudformation", "eu-west-1").list_stacks()["StackSummaries"]]
    assert "never" not in names


def test_failed_deployment_is_reported(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "template.yaml").write_text("Resources: nothing")
    assert main(DEPLOY) == Exit.TOOL_FAILED
    assert "sam ended with status 1" in capsys.readouterr().err
