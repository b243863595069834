"""The `interlock` command."""

import argparse
import importlib
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from interlock_dev.commands import keys_arguments
from interlock_dev.project.errors import UsageError

DEFAULT_API_KEY = "dev-key"
MAX_PORT = 65_535


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command; its exit status. 2: it was asked for something that cannot be done."""
    options = _parser().parse_args(arguments)
    # A command's module is imported when it is called for: some take seconds.
    command = importlib.import_module(f"interlock_dev.commands.{options.module}")
    try:
        status: int = command.run(options)
    except UsageError as error:
        sys.stderr.write(f"interlock: {error}\n")
        return 2
    return status


def _parser() -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = _Parser(prog="interlock", description="Interlock on this machine.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_dev(commands)
    _add_invoke(commands)
    keys_arguments.add_actions(_command(commands, "keys", "makes, lists, revokes and rotates API keys"))
    _command(commands, "demo", "runs the main job on a real image through a stack of its own")
    return parser


class _Parser(argparse.ArgumentParser):
    """Says in one line what is wrong with an argument, where argparse shows its usage first."""

    def error(self, message: str) -> NoReturn:
        sys.stderr.write(f"{self.prog}: {message}\n")
        sys.exit(2)


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
    parser.add_argument(
        "--parameter", type=_parameter, action="append", default=[], metavar="NAME=VALUE",
        help="a parameter of the template (OidcIssuer=…); may be given more than once",
    )  # fmt: skip
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


def _parameter(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form NAME=VALUE")
    return name, value


def _port(text: str) -> int:
    if not (re.fullmatch("[0-9]{1,5}", text) and int(text) <= MAX_PORT):
        raise argparse.ArgumentTypeError(f"{text!r} is no port, which is a whole number from 0 to {MAX_PORT}")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
