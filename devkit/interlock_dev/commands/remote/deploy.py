"""`interlock deploy`: build the layers and deploy the stack with SAM, step by step."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import typer

from interlock_dev.commands.exits import CommandFailed, Exit
from interlock_dev.commands.remote.output import console
from interlock_dev.project.errors import UsageError
from interlock_dev.project.paths import Project


@dataclass(frozen=True, slots=True)
class DeployOptions:
    """Where and how to deploy. None: ask, or leave it to samconfig.toml."""

    stack: str | None
    region: str | None
    architecture: str
    parameters: Mapping[str, str]
    yes: bool
    dry_run: bool


def deploy(options: DeployOptions) -> Exit:
    """Print the commands, ask, and run them. Raise `UsageError`."""
    project = Project.find(Path.cwd())
    root = project.root
    if project.plugins is not None:
        build = f"`make build PLUGINS={root}`, then `.venv/bin/sam deploy`"
        raise UsageError(f"Interlock's checkout builds the stack with the plugins of a project: run {build} there")
    stack, region = _answers(options)
    commands = plan(root, options, stack, region)
    out = console()
    out.print(f"This builds the layers and functions for {options.architecture} and deploys stack {stack}:")
    for command in commands:
        out.print(f"  {shlex.join(command)}")
    if options.dry_run:
        return Exit.OK
    if not options.yes and not typer.confirm("Run these commands?"):
        return Exit.OK
    for command in commands:
        out.print(f"$ {shlex.join(command)}", style="bold")
        try:
            status = subprocess.run(command, cwd=root, check=False).returncode
        except OSError as error:
            raise UsageError(f"{command[0]} cannot be run ({error.strerror})") from None
        if status:
            raise CommandFailed(f"{command[0]} ended with status {status}", Exit.TOOL_FAILED)
    out.print(f"Stack {stack} is deployed. Next: create a key, and look at the service.")
    out.print(f"  interlock keys create --stack {stack} --tenant NAME --scopes admin")
    out.print(f"  INTERLOCK_API_KEY=… interlock status --stack {stack}")
    return Exit.OK


def plan(root: Path, options: DeployOptions, stack: str, region: str | None) -> list[list[str]]:
    """Return the commands: the build, then sam with all settings that differ from samconfig.toml."""
    beside = Path(sys.executable).with_name("sam")
    sam = str(beside.relative_to(root)) if beside.is_relative_to(root) else shutil.which("sam") or str(beside)
    parameters = {"Architecture": options.architecture, **options.parameters}
    deployed = [sam, "deploy", "--stack-name", stack]
    deployed += ["--region", region] if region else []
    deployed += ["--parameter-overrides", *(f"{name}={value}" for name, value in parameters.items())]
    deployed += ["--no-confirm-changeset"] if options.yes else []
    return [["make", "build", f"ARCHITECTURE={options.architecture}"], deployed]


def _answers(options: DeployOptions) -> tuple[str, str | None]:
    """Return the stack's name and region, asked for at a terminal."""
    asked: Sequence[str] = [] if options.yes or options.dry_run else ["stack", "region"]
    if asked and not sys.stdin.isatty():
        raise UsageError(
            "without a terminal, deploy cannot ask for confirmation: add --yes, or --dry-run to see the commands"
        )
    stack = options.stack or (typer.prompt("Name of the stack", default="interlock") if asked else "interlock")
    region = options.region
    if region is None and asked:
        region = typer.prompt("AWS region (empty: that of the AWS profile)", default="", show_default=False) or None
    return stack, region
