"""The CI workflow runs every gate, on pinned actions, with commands that exist."""

import copy
import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

type Json = dict[str, Any]

ROOT = Path(__file__).resolve().parents[3]
WORKFLOW = ROOT / ".github" / "workflows" / "execution-ci.yml"
MAKEFILE = (ROOT / "Makefile").read_text()
TARGETS = set(re.findall(r"^([a-z-]+):(?!=)", MAKEFILE, re.MULTILINE))

GATES = {
    "scanner": r"python scripts/scan_execution_violations\.py",
    "contracts": r"lint-imports",
    "registry tests": r"pytest tests -m registry",
    "execution tests": r"pytest tests -m execution",
    "deploy": r"make test-deploy",
}
PINNED = re.compile(r"uses: actions/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")


def workflow() -> Json:
    loaded: dict[Any, Any] = yaml.safe_load(WORKFLOW.read_text())
    loaded["on"] = loaded.pop(True)  # YAML 1.1 reads the key `on` as a boolean
    return loaded


def steps(of: Json) -> Iterator[Json]:
    for job in of["jobs"].values():
        yield from job["steps"]


def commands(of: Json) -> Iterator[str]:
    """Yield every command, once for each value of its job's matrix."""
    for job in of["jobs"].values():
        for part in job.get("strategy", {}).get("matrix", {}).get("part", [""]):
            yield from (step["run"].replace("${{ matrix.part }}", part) for step in job["steps"] if "run" in step)


def parts_of(target: str) -> list[str]:
    """Return the prerequisites of a target of the Makefile, and the targets that its recipe makes."""
    [(line, made)] = re.findall(
        rf"^{target}: ([a-z -]+).*\n(?:\t@\$\(GATES\) (?:--\S+ \d? ?)*([a-z -]+))?", MAKEFILE, re.MULTILINE
    )
    return [part for part in f"{line} {made}".split() if part not in {"setup", "stack-tools"}]


PARTS = {f"make {target}": parts_of(target) for target in ("test-gates", "test-units", "test-stack")}
"""The parts of `make test`, by the command that runs only these parts."""


def problems(of: Json) -> Iterator[str]:
    """Yield the defects of a workflow."""
    if "pull_request" not in of["on"]:
        yield "does not run for pull requests"
    if "main" not in (of["on"].get("push") or {}).get("branches", []):
        yield "does not run for pushes to main"
    run = list(commands(of))
    yield from (
        f"does not run: {gate}" for gate, pattern in GATES.items() if not any(re.search(pattern, c) for c in run)
    )
    made = {part for command in run for part in (command.removeprefix("make "), *PARTS.get(command, []))}
    for target in ("test", "test-exhaustive"):
        yield from (f"does not run: make {part}" for part in parts_of(target) if part not in made)
    for command in run:
        yield from (f"{command!r}: there is no {part}" for part in absent(command))
    for name, job in of["jobs"].items():
        yield from (f"{name} {problem}" for problem in problems_of_job(job))
    uploads = [step for step in steps(of) if step.get("uses", "").startswith("actions/upload-artifact@")]
    if not any(step["with"]["path"] == "coverage.xml" and "always()" in step.get("if", "") for step in uploads):
        yield "does not keep the coverage"


def problems_of_job(job: Json) -> Iterator[str]:
    if "timeout-minutes" not in job:
        yield "has no time limit"
    if "actions/checkout" not in job["steps"][0].get("uses", ""):
        yield "does not check out the sources"
    if any(step.get("continue-on-error") for step in job["steps"]):
        yield "cannot fail"


def absent(command: str) -> Iterator[str]:
    """Yield the targets of make, files and tools in a command that do not exist."""
    program, *arguments = shlex.split(command)
    if program == "make":
        yield from (f"target {target}" for target in arguments if target not in TARGETS)
    for part in (program, *arguments):
        if "/" in part and not (ROOT / part).exists():
            yield part


def test_workflow_runs_every_gate_with_commands_that_exist() -> None:
    assert list(problems(workflow())) == []


def test_every_action_is_pinned_by_commit_with_its_version() -> None:
    lines = [line.strip().removeprefix("- ") for line in WORKFLOW.read_text().splitlines() if "uses:" in line]
    assert [line for line in lines if not PINNED.match(line)] == []


def test_kept_coverage_is_the_file_that_make_test_writes() -> None:
    assert "coverage xml" in MAKEFILE
    assert "make test" in (ROOT / ".ci" / "run").read_text()


def drop(name: str) -> Callable[[Json], object]:
    """Return a change that removes the step of this name."""

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
        (drop("Deploy"), "does not run: deploy"),
        (drop("Test"), "does not run: make part-measured"),
        (
            lambda of: of["jobs"]["test"]["strategy"]["matrix"]["part"].remove("stack"),
            "does not run: make part-own-stacks",
        ),
        (drop("Exhaustive"), "does not run: make faults"),
        (drop("Coverage"), "does not keep the coverage"),
        (replace("Deploy", "make test-deploy soap"), "'make test-deploy soap': there is no target soap"),
        (replace("Test", "bash .ci/gone"), "'bash .ci/gone': there is no .ci/gone"),
        (lambda of: of["jobs"]["scanner"].pop("timeout-minutes"), "scanner has no time limit"),
        (lambda of: of["jobs"]["scanner"]["steps"].pop(0), "scanner does not check out the sources"),
        (lambda of: of["jobs"]["scanner"]["steps"][-1].update({"continue-on-error": True}), "scanner cannot fail"),
    ],
)
def test_defects_of_a_workflow_are_found(change: Callable[[Json], object], problem: str) -> None:
    changed = copy.deepcopy(workflow())
    change(changed)
    assert problem in list(problems(changed))
