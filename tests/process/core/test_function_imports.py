"""The modules that the functions import at their start, each of which costs time in every cold start."""

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
GATES = json.loads(Path(__file__).with_name("function_imports.json").read_text())
"""Per function: `most_modules`, the bound for modules outside the standard library, and `forbidden` ones."""

FUNCTIONS = sorted(path.parent.name for path in ROOT.glob("functions/*/handler.py"))
TOOL_FUNCTIONS = ["execute", "run_job"]

# awscrt and OpenSSL are in the development environment only, where botocore and urllib3 import them.
IMPORT = """
import json, sys
sys.modules.update(awscrt=None, OpenSSL=None)
started = []
sys.addaudithook(lambda event, _: started.append(list(sys.modules)) if event == "subprocess.Popen" else None)
import handler
print(json.dumps({"modules": list(sys.modules), "at_the_start_of_the_zygote": started}))
"""

ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "x",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_SECRET_ACCESS_KEY": "y",
    "INTERLOCK_BATCH_WORKFLOW_ARN": "arn:aws:states:us-east-1:123456789012:stateMachine:batches",
    "INTERLOCK_BUCKET": "documents",
    "INTERLOCK_BUCKET_ORIGIN": "https://documents.example",
    "INTERLOCK_DEFAULT_CONCURRENCY": "0",
    "INTERLOCK_DEFAULT_RATE": "none",
    "INTERLOCK_DELIVERY_WORKFLOW_ARN": "arn:aws:states:us-east-1:123456789012:stateMachine:webhooks",
    "INTERLOCK_KEY_CACHE_S": "10",
    "INTERLOCK_MAX_WAIT_S": "20",
    "INTERLOCK_OIDC_AUDIENCE": "",
    "INTERLOCK_OIDC_ISSUER": "",
    "INTERLOCK_OIDC_SCOPE_CLAIM": "scope",
    "INTERLOCK_OIDC_TENANT_CLAIM": "tenant",
    "INTERLOCK_RETENTION_DAYS": "7",
    "INTERLOCK_TABLE": "table",
    "INTERLOCK_WORKFLOW_ARN": "arn:aws:states:us-east-1:123456789012:stateMachine:jobs",
}


@cache
def imported(function: str) -> dict[str, list[str]]:
    """Import a handler in a new interpreter. Return the loaded modules, also at each start of a process."""
    command = [sys.executable, "-c", IMPORT]
    environment = ENVIRONMENT | {"PATH": os.environ["PATH"]}
    folder = ROOT / "functions" / function
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True, timeout=60)
    found: dict[str, list[str]] = json.loads(done.stdout)
    return found


def packages(modules: Iterable[str]) -> set[str]:
    return {module.partition(".")[0] for module in modules}


def test_every_function_has_a_gate() -> None:
    assert sorted(GATES) == FUNCTIONS


@pytest.mark.parametrize("function", FUNCTIONS)
def test_function_imports_no_forbidden_module(function: str) -> None:
    modules = imported(function)["modules"]
    assert packages(modules).union(modules) & set(GATES[function]["forbidden"]) == set()


@pytest.mark.parametrize("function", FUNCTIONS)
def test_function_imports_no_more_modules_than_recorded(function: str) -> None:
    modules = [one for one in imported(function)["modules"] if one.partition(".")[0] not in sys.stdlib_module_names]
    most = GATES[function]["most_modules"]
    assert len(modules) <= most, sorted(modules)
    assert len(modules) > most - 10, f"{function} imports {len(modules)} modules: lower its bound"


@pytest.mark.parametrize("function", TOOL_FUNCTIONS)
def test_zygote_starts_before_any_library_is_imported(function: str) -> None:
    [modules] = imported(function)["at_the_start_of_the_zygote"]
    loaded = packages(modules) - sys.stdlib_module_names
    assert loaded & {"aws_lambda_powertools", "botocore", "jsonschema_rs", "ulid", "urllib3"} == set()
    parts = {".".join(one.split(".")[:2]) for one in modules if one.startswith("interlock.")}
    assert parts == {"interlock.composition", "interlock.domain", "interlock.sandbox"}


@pytest.mark.parametrize("function", sorted(set(FUNCTIONS) - set(TOOL_FUNCTIONS)))
def test_functions_without_tools_start_no_process(function: str) -> None:
    assert imported(function)["at_the_start_of_the_zygote"] == []
