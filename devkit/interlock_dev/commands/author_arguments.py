"""The arguments of the authors' commands: new, check, test."""

from pathlib import Path
from typing import Annotated

import typer

from interlock_dev.commands.values import Json

AUTHOR = "Write plugins"
PATH = typer.Argument(metavar="[PATH]", help="The project, a .py file or a package folder.")

app = typer.Typer()


@app.command(rich_help_panel=AUTHOR)
def new(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="The folder to create, such as ../my-tools.")],
    *,
    install: Annotated[bool, typer.Option(help="Create the environment .venv and install the project.")] = True,
) -> int:
    """Create a plugin project with a plugin and its tests."""
    from interlock_dev.commands.authors import new as command

    return command.create(path, install=install)


@app.command(rich_help_panel=AUTHOR)
def check(path: Annotated[Path, PATH] = Path(), *, json: Json = False) -> int:
    """Check plugins: declaration, schemas, and what they add to the layer."""
    from interlock_dev.commands.authors import check as command

    return command.check(path, json=json)


@app.command("test", rich_help_panel=AUTHOR)
def run_tests(
    path: Annotated[Path, typer.Argument(metavar="[PATH]", help="The project.")] = Path(),
    arguments: Annotated[list[str] | None, typer.Argument(metavar="[-- PYTEST…]", help="Arguments of pytest.")] = None,
) -> int:
    """Run the tests of a plugin project."""
    from interlock_dev.commands.authors import testing as command

    return command.run_tests(path, arguments or ())
