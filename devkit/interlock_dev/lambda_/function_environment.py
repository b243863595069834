"""The interpreter, import path and environment variables of a function's processes.

From source, a function runs with the development environment's interpreter and packages. Built, it can import what it
could on Lambda: its task root, its layers, AWS's runtime client and the standard library, so that a dependency missing
from a layer is missing here as well. Each layer is an entry of the path, later layers first. AWS merges them into /opt
instead, where a package split between two layers would be complete.
"""

import shutil
import sys
from collections.abc import Mapping
from importlib.metadata import distribution
from pathlib import Path

from interlock_dev.lambda_.environments import Launch
from interlock_dev.project.access_keys import AccessKey
from interlock_dev.project.template import ACCOUNT, REGION, Function

_RUNTIME_DISTRIBUTIONS = ("awslambdaric", "simplejson", "snapshot-restore-py")
"""Packages of AWS's managed runtime that serve a handler. boto3 is not listed: no function imports it."""


class SourceRuntime:
    """Run functions from their sources, with the development environment's packages."""

    interpreter = (sys.executable, "-P")

    def path(self, function: Function) -> list[Path]:
        return [function.task_root]

    variables: Mapping[str, str] = {}


class BuiltRuntime:
    """Run the output of `sam build` with nothing else on the path. `folder` receives the runtime client."""

    # The interpreter that the virtual environment was created from, without site-packages.
    interpreter = (str(getattr(sys, "_base_executable", sys.executable)), "-S", "-P")

    # The task root is read-only on Lambda.
    variables: Mapping[str, str] = {"PYTHONDONTWRITEBYTECODE": "1"}

    def __init__(self, folder: Path) -> None:
        self._client = folder
        _copy_runtime_client(folder)

    def path(self, function: Function) -> list[Path]:
        return [function.task_root, *(layer / "python" for layer in reversed(function.layers)), self._client]


type Runtime = SourceRuntime | BuiltRuntime


def _copy_runtime_client(folder: Path) -> None:
    folder.mkdir(parents=True)
    for name in _RUNTIME_DISTRIBUTIONS:
        found = distribution(name)
        for top in {file.parts[0] for file in found.files or () if ".." not in file.parts}:
            source = Path(str(found.locate_file(top)))
            if source.is_dir():
                shutil.copytree(source, folder / top)
            else:
                shutil.copy2(source, folder / top)


def launch(function: Function, runtime: Runtime, key: AccessKey, overrides: Mapping[str, str]) -> Launch:
    """Describe how the function's processes are started. `key` signs the function's calls to AWS; `overrides` are
    variables that the local stack sets."""
    return Launch(
        name=function.name,
        handler=function.handler,
        interpreter=runtime.interpreter,
        task_root=function.task_root,
        timeout_s=function.timeout_s,
        variables={
            **_lambda_variables(function, key),
            **function.variables,
            **runtime.variables,
            "PYTHONPATH": ":".join(map(str, runtime.path(function))),
            **overrides,
        },
    )


def _lambda_variables(function: Function, key: AccessKey) -> dict[str, str]:
    """Return the variables that Lambda sets (Lambda developer guide, "Defined runtime environment variables"), with
    credentials of the local stack. The developer's environment is not passed on."""
    variables = {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{function.runtime}",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCOUNT_ID": ACCOUNT,
        "AWS_ACCESS_KEY_ID": key.id,
        "AWS_SECRET_ACCESS_KEY": key.secret,
        "AWS_SESSION_TOKEN": "local",
        "AWS_LAMBDA_FUNCTION_NAME": function.name,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_mb),
        "AWS_LAMBDA_FUNCTION_TIMEOUT": str(function.timeout_s),
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{function.name}",
        "AWS_LAMBDA_LOG_STREAM_NAME": "$LATEST",
        "LAMBDA_TASK_ROOT": str(function.task_root),
        "_HANDLER": function.handler,
    }
    if function.log_level is not None:
        variables |= {"AWS_LAMBDA_LOG_FORMAT": "JSON", "AWS_LAMBDA_LOG_LEVEL": function.log_level}
    return variables
