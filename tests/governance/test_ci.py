"""The CI workflow: every gate that is asked for, when it is asked for, by commands that there are."""

import copy
import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

type Json = dict[str, Any]

ROOT = Path(__file__).resolve().parents[2]
WORKFLOW = ROOT / ".github" / "workflows" / "execution-ci.yml"
MAKEFILE = (ROOT / "Makefile").read_text()
TARGETS = set(re.findall(r"^([a-z-]+):(?!=)", MAKEFILE, re.MULTILINE))

GATES = {
    "scanner": r"python scripts/scan_execution_violations\.py",
    "contracts": r"lint-imports",
    "registry tests": r"pytest .*test_registry\.py",
    "execution tests": r"pytest tests/execution ",
    "soak": r"make soak",
    "everything": r"bash \.ci/run",
}


def workflow() -> Json:
    loaded: dict[Any, Any] = yaml.safe_load(WORKFLOW.read_text())
    loaded["on"] = loaded.pop(True)  # YAML 1.1 reads the key as a boolean
    return loaded


def steps(of: Json) -> Iterator[Json]:
    for job in of["jobs"].values():
        yield from job["steps"]


def problems(of: Json) -> Iterator[str]:
    """What is wrong with a workflow."""
    if "pull_request" not in of["on"]:
        yield "does not run for pull requests"
    if "main" not in (of["on"].get("push") or {}).get("branches", []):
        yield "does not run for pushes to main"
    commands = [step["run"] for step in steps(of) if "run" in step]
    for gate, pattern in GATES.items():
        if not any(re.search(pattern, command) for command in commands):
            yield f"does not run: {gate}"
    for command in commands:
        yield from (f"{command!r}: there is no {part}" for part in absent(command))
    for name, job in of["jobs"].items():
        yield from (f"{name} {problem}" for problem in problems_of_job(job))
    uploads = [step for step in steps(of) if step.get("uses", "").startswith("actions/upload-artifact@")]
    if not any(step["with"]["path"] == "coverage.xml" and step.get("if") == "always()" for step in uploads):
        yield "does not keep the coverage"


def problems_of_job(job: Json) -> Iterator[str]:
    if "timeout-minutes" not in job:
        yield "has no limit"
    if "actions/checkout" not in job["steps"][0].get("uses", ""):
        yield "has no sources"
    if any(step.get("continue-on-error") for step in job["steps"]):
        yield "cannot fail"


def absent(command: str) -> Iterator[str]:
    """What a command names that is not there: targets of make, files, tools of the environment."""
    program, *arguments = shlex.split(command)
    if program == "make":
        yield from (f"target {target}" for target in arguments if target not in TARGETS)
    for part in (program, *arguments):
        if "/" in part and not (ROOT / part).exists():
            yield part


def test_the_workflow_runs_every_gate_by_commands_that_there_are() -> None:
    assert list(problems(workflow())) == []


def test_the_coverage_that_is_kept_is_what_make_test_writes() -> None:
    assert "--cov-report=xml" in MAKEFILE
    assert "make test" in (ROOT / ".ci" / "run").read_text()


def drop(name: str) -> Callable[[Json], object]:
    """Takes the step of this name out."""

    def dropped(of: Json) -> None:
        for job in of["jobs"].values():
            job["steps"] = [step for step in job["steps"] if step.get("name") != name]

    return dropped


def replace(name: str, command: str) -> Callable[[Json], object]:
    def replaced(of: Json) -> None:
        for step in steps(of):
            if step.get("name") == name:
                step["run"] = command

    return replaced


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda of: of["on"].pop("pull_request"), "does not run for pull requests"),
        (lambda of: of["on"]["push"].update(branches=["release"]), "does not run for pushes to main"),
        (drop("Scanner"), "does not run: scanner"),
        (drop("Import contracts"), "does not run: contracts"),
        (drop("Registry tests"), "does not run: registry tests"),
        (drop("Execution tests"), "does not run: execution tests"),
        (drop("Soak"), "does not run: soak"),
        (drop("Everything"), "does not run: everything"),
        (drop("Coverage"), "does not keep the coverage"),
        (replace("Soak", "make soak soap"), "'make soak soap': there is no target soap"),
        (replace("Everything", "bash .ci/gone"), "'bash .ci/gone': there is no .ci/gone"),
        (lambda of: of["jobs"]["scanner"].pop("timeout-minutes"), "scanner has no limit"),
        (lambda of: of["jobs"]["scanner"]["steps"].pop(0), "scanner has no sources"),
        (lambda of: of["jobs"]["scanner"]["steps"][-1].update({"continue-on-error": True}), "scanner cannot fail"),
    ],
)
def test_what_a_workflow_lacks_is_found(change: Callable[[Json], object], problem: str) -> None:
    changed = copy.deepcopy(workflow())
    change(changed)
    assert problem in list(problems(changed))
