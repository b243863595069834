"""The `interlock` command. Each command's module is imported when it is called, because some take seconds."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import typer

import interlock
from interlock_dev.commands import (
    author_arguments,
    batch_arguments,
    keys_arguments,
    operator_arguments,
    service_arguments,
    webhook_arguments,
)
from interlock_dev.commands.exits import CommandFailed, Exit
from interlock_dev.commands.options import DevOptions, InvokeOptions
from interlock_dev.commands.values import MAX_PORT, Parameter, integer_between, parse_parameter
from interlock_dev.project.errors import UsageError

DEFAULT_API_KEY = "dev-key"


def parse_api_key(text: str) -> str:
    """Validate an API key: a value of a header, without spaces."""
    if not text or not text.isascii() or not text.isprintable() or " " in text:
        raise typer.BadParameter("An API key has printable ASCII characters without spaces, and at least one.")
    return text


Plugins = Annotated[
    list[Path] | None,
    typer.Option(metavar="PATH", help="A .py file or package folder with plugins to add; may be repeated."),
]
SettingsFile = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Plugins' settings (TOML); .interlock/settings.toml if it exists."),
]
HostNames = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME", help="An additional host name to answer for; may be repeated."),
]
Built = Annotated[bool, typer.Option("--built", help="Run only what `make build` produced.")]
Port = Annotated[
    int,
    typer.Option(parser=integer_between(0, MAX_PORT), metavar="PORT", help="Port of the API; 0 selects a free one."),
]
LogLevel = Literal["debug", "info", "warning", "error"]
InProcess = Annotated[bool, typer.Option("--in-process", help="Run functions without the Lambda runtime.")]
Parameters = Annotated[
    list[Parameter] | None,
    typer.Option(
        parser=parse_parameter,
        metavar="NAME=VALUE",
        help="A parameter of the template, such as OidcIssuer=…; may be repeated.",
    ),
]
Settings = Annotated[
    list[Parameter] | None,
    typer.Option(parser=parse_parameter, metavar="PLUGIN.NAME=VALUE", help="A plugin's setting; may be repeated."),
]

app = typer.Typer(
    name="interlock",
    help="Run tools, follow jobs, and develop, operate and deploy Interlock.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(service_arguments.app)
app.add_typer(author_arguments.app)
app.add_typer(operator_arguments.app)
app.add_typer(keys_arguments.app, rich_help_panel=service_arguments.OPERATE)
app.add_typer(batch_arguments.app, rich_help_panel=service_arguments.CALL)
app.add_typer(webhook_arguments.app, rich_help_panel=service_arguments.CALL)


def print_version(wanted: bool) -> None:
    """Print the version and exit."""
    if wanted:
        typer.echo(f"interlock {interlock.__version__}")
        raise typer.Exit


@app.callback()
def add_global_options(
    _: Annotated[
        bool, typer.Option("--version", callback=print_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Run tools, follow jobs, and develop, operate and deploy Interlock."""


@app.command(rich_help_panel=author_arguments.AUTHOR)
def dev(
    *,
    port: Port = 3000,
    plugin: Plugins = None,
    api_key: Annotated[
        str, typer.Option(parser=parse_api_key, metavar="KEY", help="A key with all scopes for the tenant dev.")
    ] = DEFAULT_API_KEY,
    parameter: Parameters = None,
    setting: Settings = None,
    settings: SettingsFile = None,
    allow_host: HostNames = None,
    allow_local_webhooks: Annotated[
        bool, typer.Option("--allow-local-webhooks", help="Allow webhooks to http on this machine.")
    ] = False,
    wait_factor: Annotated[
        float, typer.Option(min=0.0, max=1.0, metavar="FACTOR", help="Factor for the pauses between webhook attempts.")
    ] = 1.0,
    built: Built = False,
    in_process: InProcess = False,
    log_level: Annotated[LogLevel, typer.Option(help="Lowest level of the log records that are shown.")] = "info",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Hide requests and the output of plugins.")] = False,
) -> int:
    """Serve the API with Lambda, DynamoDB, S3 and Step Functions behind it."""
    from interlock_dev.commands import dev as command

    return command.run(DevOptions(
        port=port,
        plugins=tuple(plugin or ()),
        api_key=api_key,
        parameters=dict(parameter or ()),
        built=built,
        in_process=in_process,
        log_level=log_level,
        quiet=quiet,
        settings=tuple(setting or ()),
        settings_file=settings,
        hosts=tuple(allow_host or ()),
        local_webhooks=allow_local_webhooks,
        wait_factor=wait_factor,
    ))  # fmt: skip


@app.command()
def invoke(
    function: Annotated[
        str, typer.Argument(metavar="FUNCTION", help="Logical id (ExecuteFunction) or short name (execute).")
    ],
    event: Annotated[
        str, typer.Option("--event", "-e", metavar="FILE", help="The event as JSON; - reads standard input.")
    ],
    port: Annotated[
        int | None,
        typer.Option(
            parser=integer_between(1, MAX_PORT), metavar="PORT", help="Port of the local stack, if several run."
        ),
    ] = None,
    built: Built = False,
    in_process: InProcess = False,
) -> int:
    """Run one event through a function, on the running stack if there is one."""
    from interlock_dev.commands import invoke as command

    return command.run(InvokeOptions(function, event, port, built, in_process))


@app.command()
def demo() -> int:
    """Run the main job on a real image through a new local stack."""
    from interlock_dev.commands import demo as command

    return command.run()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status, one of `Exit`."""
    command = typer.main.get_command(app)
    try:
        status: int | None = command.main(
            None if arguments is None else list(arguments), prog_name="interlock", standalone_mode=False
        )
    except UsageError as error:
        sys.stderr.write(f"interlock: {error}\n")
        return error.status if isinstance(error, CommandFailed) else Exit.USAGE
    except typer.TyperException as error:
        # The error of a command without arguments has printed its help and has no message.
        if error.format_message():
            sys.stderr.write(f"{_describe(error)}\n")
        return Exit.USAGE
    except typer.Abort:
        return Exit.INTERRUPTED
    return status or Exit.OK


def _describe(error: typer.TyperException) -> str:
    """Return one line for an error in the arguments, with a hint."""
    context = getattr(error, "ctx", None)
    program = context.command_path if context else "interlock"
    message = " ".join(error.format_message().split()).removesuffix(".")
    return f"{program}: {message}. See `{program} --help`."


if __name__ == "__main__":
    sys.exit(main())
