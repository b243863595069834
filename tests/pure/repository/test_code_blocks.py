"""Every code block of the documentation is executed by a test, or checked here without being executed.

A test claims the blocks that it executes by reading them with `tests.documented`. All other blocks are listed below,
with the reason why they are not executed.
"""

import ast
import json
import re
import shlex
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from typing import Any

import botocore.session
import click
import jsonschema_rs
import pytest
import typer
from botocore import xform_name

from interlock_dev.commands.cli import app
from tests.documented import ROOT, code_block, code_blocks
from tests.pure.repository.template import OPENAPI

LANGUAGES = ("sh", "python", "json", "toml", "yaml")
"""Languages of blocks that a reader copies. Others are output and pictures."""

PAGES = [
    str(page.relative_to(ROOT))
    for page in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "client/README.md", *ROOT.glob("docs/**/*.md"))
]

type Block = tuple[str, str, str]
"""Page, language and first line."""

SERVES = "serves until it is ended, which the fixtures of the stack tests do"
AWS = "needs an account of AWS; `make test-deploy` deploys the template to an emulator"
SETS_UP = "sets up or builds this checkout, as every run of the tests does"

COMMANDS: dict[Block, str] = {
    ("README.md", "sh", "make demo"): SETS_UP,
    ("README.md", "sh", ".venv/bin/interlock dev --api-key dev-key"): SERVES,
    ("README.md", "sh", "make build"): AWS,
    ("CONTRIBUTING.md", "sh", "make setup"): SETS_UP,
    ("docs/console.md", "sh", ".venv/bin/interlock dev"): SERVES,
    ("docs/deploy.md", "sh", "make build  "): AWS,
    ("docs/deploy.md", "sh", ".venv/bin/interlock keys create --stack"): AWS,
    ("docs/deploy.md", "sh", "make build && "): AWS,
    ("docs/deploy.md", "sh", "aws cloudformation"): AWS,
    ("docs/batches.md", "sh", "interlock batch run"): "is on the page of the command, too, whose blocks are executed",
    ("docs/mcp.md", "sh", "interlock mcp"): "prints the configuration of an agent, as the README's commands do",
    ("docs/plugins.md", "sh", "make build PLUGINS="): "builds the layers, as `make test-gates` does",
    ("docs/tutorial.md", "sh", "make setup"): "`tests/stack/own/test_author_project.py` creates the project",
    ("docs/tutorial.md", "sh", ".venv/bin/interlock dev"): SERVES,
    ("docs/tutorial.md", "sh", "make build PLUGINS="): AWS,
}
"""Commands that are not executed. Their programs, subcommands, options and arguments are checked."""

DOCUMENTS: dict[Block, str | None] = {
    ("docs/errors.md", "json", '{"error"'): "ErrorEnvelope",
    ("docs/webhooks.md", "json", '{"plugin"'): "ExecuteRequest",
    ("docs/webhooks.md", "json", '{"type"'): "WebhookMessage",
    ("docs/webhooks.md", "json", '{"url": "https://example.com/hooks/interlock", "events": ["finished"],'): "Webhook",
    ("docs/batches.md", "json", '{"index"'): None,  # lines of a file, which has no schema
}
"""JSON that no test sends, with the schema that declares its fields. Fields may be left out."""

FORMATS: dict[Block, str] = {
    ("docs/plugins.md", "toml", "[project.entry-points"): "part of `layers/plugins/pyproject.toml`",
}


def blocks() -> Iterator[tuple[Block, str]]:
    for page in PAGES:
        for language in LANGUAGES:
            for text in code_blocks(page, language):
                yield (page, language, text.partition("\n")[0]), text


@cache
def claims() -> frozenset[Block]:
    """Return the blocks that tests read: page, language, and text of the first line (empty for `code_blocks`)."""
    found: set[Block] = set()
    for file in ROOT.glob("tests/**/*.py"):
        source = file.read_text()
        if "code_block" not in source or file.name == "documented.py":
            continue
        tree = ast.parse(source)
        named = {
            target.id: node.value
            for node in tree.body
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id.startswith("code_block"):
                values = [named.get(one.id) if isinstance(one, ast.Name) else one for one in node.args]
                words = [one.value for one in values if isinstance(one, ast.Constant) and isinstance(one.value, str)]
                if len(words) == len(values):
                    page, language, first = (*words, "")[:3]
                    found.add((page, language, first))
    return frozenset(found)


LISTED: list[Block] = [*COMMANDS, *DOCUMENTS, *FORMATS]


def texts(claim: Block) -> list[str]:
    """Return the blocks that a claim is about."""
    page, language, first = claim
    return [code_block(page, language, first)] if first else code_blocks(page, language)


def test_every_block_is_executed_or_listed() -> None:
    checked = {(claim[0], text) for claim in (*claims(), *LISTED) for text in texts(claim)}
    assert len(checked) > 40
    left = [block for block, text in blocks() if (block[0], text) not in checked]
    assert left == [], "execute these blocks in a test that reads them with tests.documented.code_block"


def test_listed_blocks_are_not_executed_elsewhere() -> None:
    executed = {(claim[0], text) for claim in claims() for text in texts(claim)}
    assert [claim for claim in LISTED if (claim[0], code_block(*claim)) in executed] == []


# --- Commands that are not executed ---

MAKEFILE = (ROOT / "Makefile").read_text()
HAS_NO_MODEL = {"s3 rb"}
"""Commands of the AWS CLI that do not correspond to an operation of a service."""


def check_make(words: list[str]) -> None:
    for word in words:
        name, is_variable, _ = word.partition("=")
        pattern = rf"^{name} \?=|\$\({name}\)" if is_variable else rf"^{name}:"
        assert re.search(pattern, MAKEFILE, re.MULTILINE), word


def check_sam(words: list[str]) -> None:
    """Check the subcommand and the names of its options."""
    # `sam` imports a command only when it is called.
    program: click.Command = import_module(f"samcli.commands.{words[0]}.command").cli
    known = {name for one in program.params for name in (*one.opts, *one.secondary_opts)}
    assert {word.partition("=")[0] for word in words if word.startswith("-")} <= known


def check_interlock(words: list[str]) -> None:
    """Parse all arguments as the command does."""
    program: Any = typer.main.get_command(app)
    while hasattr(program, "commands"):
        program = program.commands[words[0]]
        words = words[1:]
    program.make_context("interlock", list(words))


def check_aws(words: list[str]) -> None:
    service, command, *options = words
    if f"{service} {command}" in HAS_NO_MODEL:
        return
    model = botocore.session.get_session().get_service_model(service)
    [operation] = [name for name in model.operation_names if xform_name(name, "-") == command]
    shape = model.operation_model(operation).input_shape
    members = {xform_name(name, "-") for name in (shape.members if shape else ())}
    for option in (word.removeprefix("--") for word in options if word.startswith("--")):
        assert option in {"query", "region", "output"} or {option, option.removeprefix("no-")} & members, option


def check_line(line: str) -> None:
    for command in line.split("&&"):
        program, *words = shlex.split(command, comments=True) or ["cd"]
        match program.removeprefix(".venv/bin/"):
            case "make":
                check_make(words)
            case "sam":
                check_sam(words)
            case "interlock":
                check_interlock(words)
            case "aws":
                check_aws(words)
            case "cd":
                assert len(words) <= 1
            case "pre-commit":
                assert words == ["install"]
            case other:
                pytest.fail(f"{other}: say here how to check this program")


@pytest.mark.parametrize("block", COMMANDS, ids=lambda block: f"{block[0]} {block[2][:30]}")
def test_commands_that_are_not_executed_are_valid(block: Block) -> None:
    assert COMMANDS[block]
    for line in code_block(*block).splitlines():
        check_line(line)


@pytest.mark.parametrize(
    "line",
    [
        "make nothing-like-it", "make build COLOR=red", ".venv/bin/sam deploy --gided", ".venv/bin/sam deplay",
        ".venv/bin/interlock dev --port 99999", ".venv/bin/interlock keys make", "aws dynamodb delete-table --name X",
    ],
)  # fmt: skip
def test_invalid_command_is_found(line: str) -> None:
    with pytest.raises((AssertionError, ImportError, KeyError, click.ClickException, typer.TyperException)):
        check_line(line)


# --- Documents ---


def fields(schema: Any) -> set[str]:
    """Return the names of all fields that a schema and the schemas that it refers to have."""
    text = json.dumps(schema)
    found = set(re.findall(r'"(\w+)": \{', text))
    for name in set(re.findall(r"#/components/schemas/(\w+)", text)):
        found |= fields(OPENAPI["components"]["schemas"][name])
    return found


def names(value: Any) -> set[str]:
    if isinstance(value, list):
        return {name for one in value for name in names(one)}
    if not isinstance(value, dict):
        return set()
    return set(value) | {name for one in value.values() for name in names(one)}


@pytest.mark.parametrize("block", DOCUMENTS, ids=lambda block: f"{block[0]} {block[2]}")
def test_documents_have_the_fields_of_their_schema(block: Block) -> None:
    text, schema = code_block(*block), DOCUMENTS[block]
    try:
        values = [json.loads(text)]
    except ValueError:
        values = [json.loads(line) for line in text.splitlines()]
    if schema is None:
        return
    declared = {**OPENAPI["components"]["schemas"][schema], "components": OPENAPI["components"]}
    for value in values:
        assert names(value) - {"image", "result"} <= fields(OPENAPI["components"]["schemas"][schema])
        if schema in {"ErrorEnvelope", "ExecuteRequest"}:
            assert jsonschema_rs.Draft202012Validator(declared).is_valid(value)


def test_entry_point_is_that_of_the_shipped_plugin() -> None:
    shown = tomllib.loads(code_block(*next(iter(FORMATS))))["project"]["entry-points"]["interlock.plugins"]
    project = tomllib.loads((ROOT / "layers/plugins/pyproject.toml").read_text())["project"]
    assert shown.items() <= project["entry-points"]["interlock.plugins"].items()
