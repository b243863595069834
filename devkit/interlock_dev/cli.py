"""The `interlock` command."""

import argparse
import importlib
import sys
from collections.abc import Sequence
from pathlib import Path

from interlock_dev.errors import UsageError

DEFAULT_API_KEY = "dev-key"


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command; its exit status. 2: it was asked for something that cannot be done."""
    options = _parser().parse_args(arguments)
    # A command's module is imported when it is called for: some take seconds.
    command = importlib.import_module(f"interlock_dev.{options.module}")
    try:
        status: int = command.run(options)
    except UsageError as error:
        sys.stderr.write(f"interlock: {error}\n")
        return 2
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="interlock", description="Interlock on this machine.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_dev(commands)
    _add_invoke(commands)
    _command(commands, "demo", "runs the main job on a real image through a stack of its own")
    return parser


type Commands = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001 - argparse gives it no other name


def _add_dev(commands: Commands) -> None:
    parser = _command(commands, "dev", "serves the API, with Lambda, DynamoDB, S3 and Step Functions behind it")
    parser.add_argument("--port", type=_port, default=3000, help="port of the API (3000); 0 takes a free one")
    parser.add_argument(
        "--plugin", type=Path, action="append", default=[], metavar="PATH",
        help="a .py file or a package folder with plugins to add for this run; may be given more than once",
    )  # fmt: skip
    parser.add_argument(
        "--api-key", default=DEFAULT_API_KEY, metavar="KEY", help=f"key with all scopes, tenant dev ({DEFAULT_API_KEY})"
    )
    _add_runtime_options(parser)


def _add_invoke(commands: Commands) -> None:
    parser = _command(commands, "invoke", "runs one event through a function, on the running stack if there is one")
    parser.add_argument("function", metavar="FUNCTION", help="logical id (ExecuteFunction) or short name (execute)")
    parser.add_argument("-e", "--event", required=True, metavar="FILE", help="the event, JSON; - reads standard input")
    _add_runtime_options(parser)


def _command(commands: Commands, name: str, purpose: str) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=purpose, description=f"{purpose[0].upper()}{purpose[1:]}.")
    parser.set_defaults(module=name)
    return parser


def _add_runtime_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--built", action="store_true", help="run what `make build` made, and nothing else")
    parser.add_argument("--in-process", action="store_true", help="run functions without the Lambda runtime")


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= 65535:
        raise argparse.ArgumentTypeError(f"{port} is no port")
    return port


if __name__ == "__main__":
    sys.exit(main())
