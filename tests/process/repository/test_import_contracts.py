"""Each import contract is broken by a violation planted for it. `make contracts` shows that the tree keeps them."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
PACKAGES = (
    "functions",
    "layers/runtime/interlock",
    "layers/plugins/interlock_plugins",
    "client/interlock_client",
    "devkit/interlock_dev",
    "tools",
    "bench",
)

# By contract: a file, and an import that is forbidden in it.
PLANTED = {
    "A function imports the composition of its application and nothing else": (
        "functions/jobs/handler.py",
        "interlock.http.app",
    ),
    "Each floor of the framework imports only floors below it": (
        "interlock/plugins/index.py",
        "interlock.tools.tool_runner",
    ),
    "Supervisor and worker process share only what is between them": (
        "interlock/sandbox/supervisor/run.py",
        "interlock.sandbox.worker.channel",
    ),
    "Each floor of the devkit imports only floors below it": (
        "interlock_dev/project/host.py",
        "interlock_dev.lambda_.pool",
    ),
    "The emulated services of the devkit import only what is below them": (
        "interlock_dev/aws/s3/presigned.py",
        "interlock_dev.aws.iam.calls",
    ),
    "Each floor of the client imports only floors below it": (
        "interlock_client/steps.py",
        "interlock_client.operations",
    ),
    "The client needs neither the framework nor an AWS SDK": ("interlock_client/operations.py", "pydantic"),
    "The types of the Model Context Protocol are imported where it is served": (
        "interlock/http/requests.py",
        "mcp_types",
    ),
    "Only adapters import an AWS SDK": ("interlock/jobs/service.py", "boto3"),
    "Plugins are loaded by name in worker processes, and never imported": (
        "interlock/tools/tool_runner.py",
        "interlock_plugins.ocr",
    ),
    "Only the worker process and the index's child process load plugin code": (
        "interlock/plugins/registry.py",
        "interlock.plugins.loading",
    ),
    "Reading the plugin index needs no command line, no subprocess and no threads": (
        "interlock/plugins/audit.py",
        "subprocess",
    ),
    "Plugins import the plugin API and nothing else of the framework": (
        "interlock_plugins/image.py",
        "interlock.plugins.registry",
    ),
    "Nothing that a function imports at its start imports pydantic": ("interlock/http/app.py", "pydantic"),
    "The domain and the sandbox need the standard library and msgspec alone": ("interlock/domain/job.py", "pydantic"),
    "Nothing that is deployed imports the client or the devkit": (
        "interlock/jobs/documents.py",
        "interlock_dev.project.processes",
    ),
    "The scanner's rules build on its engine, which knows none of them": (
        "tools/scanner/engine/scan.py",
        "tools.scanner.rules",
    ),
}


def copy_packages(folder: Path) -> Path:
    for package in PACKAGES:
        name = Path(package).name
        shutil.copytree(ROOT / package, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


def lint(tree: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports")), "--no-logo", "--no-cache"],
        cwd=tree,
        env={**os.environ, "PYTHONPATH": str(tree)},
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )


def test_every_contract_has_a_planted_import() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    assert sorted(contract["name"] for contract in contracts) == sorted(PLANTED)


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the report on a tree with all planted imports, and with a module that has no floor."""
    tree = copy_packages(tmp_path_factory.mktemp("planted"))
    (tree / "interlock" / "shortcut.py").write_text("")
    for name, imported in PLANTED.values():
        with (tree / name).open("a") as file:
            file.write(f"\n\ndef lazily() -> None:\n    import {imported}\n")
    done = lint(tree)
    assert done.returncode == 1, done.stdout
    return done.stdout


@pytest.mark.parametrize("contract", PLANTED)
def test_a_planted_import_breaks_its_contract(report: str, contract: str) -> None:
    name, imported = PLANTED[contract]
    assert f"{contract} BROKEN" in report
    # Imports planted for other contracts may break this one, too: check that its section names its own import.
    _, heading, rest = report.partition(f"\n{contract}\n{'-' * len(contract)}\n")
    assert heading
    section = re.split(r"\n--+\n", rest)[0]
    assert f" {name.removesuffix('.py').replace('/', '.')} -> {imported} (l." in " ".join(section.split())


def test_a_module_without_a_floor_breaks_the_floors(report: str) -> None:
    assert "interlock.shortcut" in report
