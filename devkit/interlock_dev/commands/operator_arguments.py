"""The arguments of the operators' commands: status, bundle, deploy."""

from typing import Annotated

import typer

from interlock_dev.commands.options import Target
from interlock_dev.commands.service_arguments import OPERATE, Key, Profile, Stack, Url
from interlock_dev.commands.values import Json, Parameter, parse_parameter

ARCHITECTURES = ("x86_64", "arm64")

app = typer.Typer()


def parse_architecture(text: str) -> str:
    """Validate an architecture."""
    if text not in ARCHITECTURES:
        raise typer.BadParameter(f"{text!r} is not one of: {', '.join(ARCHITECTURES)}.")
    return text


@app.command(rich_help_panel=OPERATE)
def status(
    *, json: Json = False, url: Url = None, key: Key = None, stack: Stack = None, profile: Profile = None
) -> int:
    """Show the service, its plugins and their counters; with --stack also its alarms."""
    from interlock_dev.commands.remote import status as command

    return command.show_status(Target(url, key, stack, profile), json=json)


@app.command(rich_help_panel=OPERATE)
def bundle(
    *,
    output: Annotated[
        str | None, typer.Option("--output", "-o", metavar="FILE", help="The file to write (zip).")
    ] = None,
    logs: Annotated[bool, typer.Option("--logs", help="Include the log lines of failed jobs.")] = False,
    url: Url = None,
    key: Key = None,
    stack: Stack = None,
    profile: Profile = None,
) -> int:
    """Write what support needs to a file: versions, states and jobs, without keys, inputs or results."""
    from interlock_dev.commands.remote import bundle as command

    return command.write_bundle(Target(url, key, stack, profile), output, logs=logs)


@app.command(rich_help_panel=OPERATE)
def deploy(
    *,
    stack: Annotated[str | None, typer.Option("--stack", metavar="NAME", help="Name of the stack (interlock).")] = None,
    region: Annotated[str | None, typer.Option(metavar="REGION", help="AWS region.")] = None,
    architecture: Annotated[
        str, typer.Option(parser=parse_architecture, metavar="NAME", help="x86_64 or arm64 (Graviton).")
    ] = ARCHITECTURES[0],
    parameter: Annotated[
        list[Parameter] | None,
        typer.Option(parser=parse_parameter, metavar="NAME=VALUE", help="A parameter; may be repeated."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only print the commands.")] = False,
) -> int:
    """Build and deploy the stack with SAM; shows the commands first."""
    from interlock_dev.commands.remote import deploy as command

    options = command.DeployOptions(stack, region, architecture, dict(parameter or ()), yes, dry_run)
    return command.deploy(options)
