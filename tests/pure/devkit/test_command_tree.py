"""All commands have help, and those that print data have `--json`."""

from collections.abc import Iterator
from typing import Any

import typer

from interlock_dev.commands.cli import app

WITHOUT_JSON = {
    "dev": "serves; its address is the last line",
    "demo": "shows a run to people",
    "invoke": "prints the response of the function, which is JSON",
    "result": "prints the result as JSON",
    "new": "creates a project",
    "test": "passes the output of pytest on",
    "bundle": "writes a file, which contains JSON",
    "deploy": "shows and runs the commands of other programs",
}
"""Commands without `--json`, and why."""

INPUT = {"run", "rerun"}
"""Commands that print the result as JSON in any case, and read their input from `--json`."""


def commands(found: Any, *names: str) -> Iterator[tuple[str, Any]]:
    """Yield all commands with their full names."""
    if not hasattr(found, "commands"):
        yield " ".join(names), found
        return
    for name, command in found.commands.items():
        yield from commands(command, *names, name)


COMMANDS = dict(commands(typer.main.get_command(app)))


def test_every_command_that_prints_data_prints_json() -> None:
    with_json = {name for name, one in COMMANDS.items() if any("--json" in option.opts for option in one.params)}
    assert set(COMMANDS) - with_json == set(WITHOUT_JSON)
    flags = {
        name
        for name in with_json
        if next(option for option in COMMANDS[name].params if "--json" in option.opts).is_flag
    }
    assert with_json - flags == INPUT


def test_every_command_and_option_has_help() -> None:
    for name, command in COMMANDS.items():
        assert command.help, name
        assert [option.name for option in command.params if not getattr(option, "help", None)] == [], name
