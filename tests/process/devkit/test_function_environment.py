"""A function gets the variables of Lambda and the template, and none of the developer's."""

import subprocess
import sys
from copy import replace
from pathlib import Path

import pytest

import interlock
from interlock_dev.lambda_.function_environment import BuiltRuntime, SourceRuntime, launch
from interlock_dev.project.access_keys import AccessKey
from interlock_dev.project.template import Function

KEY = AccessKey("id", "a secret")


@pytest.fixture
def function(tmp_path: Path) -> Function:
    return Function(
        name="WorkFunction",
        handler="handler.handler",
        runtime="python3.13",
        task_root=tmp_path / "work",
        layers=(tmp_path / "first", tmp_path / "second"),
        memory_mb=512,
        timeout_s=7,
        variables={"INTERLOCK_TABLE": "of the template", "AWS_ENDPOINT_URL": "of the template"},
        log_level="WARN",
        policies=(),
    )


def test_developers_environment_is_not_passed_on(function: Function, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "worth something")
    monkeypatch.setenv("INTERLOCK_TABLE", "production")
    monkeypatch.setenv("GITHUB_TOKEN", "worth something")
    variables = launch(function, SourceRuntime(), KEY, {}).variables
    assert "worth something" not in variables.values()
    assert variables["INTERLOCK_TABLE"] == "of the template"
    assert not {"GITHUB_TOKEN", "HOME", "USER", "VIRTUAL_ENV"} & variables.keys()


def test_variables_of_the_local_stack_override_the_template(function: Function) -> None:
    variables = launch(function, SourceRuntime(), KEY, {"AWS_ENDPOINT_URL": "local"}).variables
    assert variables["AWS_ENDPOINT_URL"] == "local"


def test_lambda_variables_are_set(function: Function) -> None:
    variables = launch(function, SourceRuntime(), KEY, {}).variables
    assert variables["AWS_LAMBDA_FUNCTION_NAME"] == "WorkFunction"
    assert variables["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] == "512"
    assert variables["AWS_LAMBDA_FUNCTION_TIMEOUT"] == "7"
    assert variables["AWS_EXECUTION_ENV"] == "AWS_Lambda_python3.13"
    assert variables["AWS_LAMBDA_LOG_FORMAT"] == "JSON"


def test_a_built_function_can_import_its_layers_and_the_runtime_client_alone(
    function: Function, tmp_path: Path
) -> None:
    runtime = BuiltRuntime(tmp_path / "client")
    started = launch(function, runtime, KEY, {})
    expected = [tmp_path / folder for folder in ("work", "second/python", "first/python", "client")]
    assert started.variables["PYTHONPATH"].split(":") == [str(folder) for folder in expected]
    program = "import sys, awslambdaric, simplejson; print(*sys.path, sep=chr(10))"
    answer = subprocess.run(
        [*started.interpreter, "-c", program], env=dict(started.variables), capture_output=True, text=True, check=True
    )
    sources = str(Path(interlock.__file__).parents[1])
    assert [path for path in answer.stdout.splitlines() if "site-packages" in path or path == sources] == []
    missing = subprocess.run(
        [*started.interpreter, "-c", "import pydantic"], env=dict(started.variables), capture_output=True, check=False
    )
    assert b"ModuleNotFoundError" in missing.stderr


def test_function_from_source_has_the_development_environment(function: Function) -> None:
    assert launch(function, SourceRuntime(), KEY, {}).interpreter[0] == sys.executable


@pytest.mark.parametrize("level", ["DEBUG", "WARN", None])
def test_level_of_the_log_is_that_of_the_template(function: Function, level: str | None) -> None:
    variables = launch(replace(function, log_level=level), SourceRuntime(), KEY, {}).variables
    assert variables.get("AWS_LAMBDA_LOG_LEVEL") == level
    assert variables.get("AWS_LAMBDA_LOG_FORMAT") == (level and "JSON")
