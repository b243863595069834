"""The arguments of `interlock batch`."""

import re
from typing import Annotated, Any

import typer

from interlock.domain.batch import MAX_BATCH_CONCURRENCY
from interlock_dev.commands.options import Target
from interlock_dev.commands.service_arguments import (
    MAX_JOBS,
    Key,
    Profile,
    Stack,
    Url,
    complete_tool,
)
from interlock_dev.commands.values import Json, integer_between, parse_seconds


def parse_tolerance(text: str) -> int | str:
    """Parse a number of items, or a share such as `5%`."""
    if re.fullmatch("[0-9]{1,5}", text):
        return int(text)
    if re.fullmatch(r"(100|[0-9]{1,2})(\.[0-9]{1,3})?%", text):
        return text
    raise typer.BadParameter(f"{text!r} is neither a number of items nor a share such as 5%.")


def complete_batch(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return the ids of the latest batches that begin with a text."""
    from interlock_dev.commands.remote import completion

    return [name for name in completion.batches(ctx.params) if name.startswith(incomplete)]


BatchId = Annotated[str, typer.Argument(metavar="BATCH", help="The id of a batch.", autocompletion=complete_batch)]
Tool = Annotated[
    str,
    typer.Argument(
        metavar="PLUGIN.TOOL", help="The tool; a plugin alone is its first tool.", autocompletion=complete_tool
    ),
]
Concurrency = Annotated[
    int | None,
    typer.Option(
        parser=integer_between(1, MAX_BATCH_CONCURRENCY), metavar="N", help="Items that run at the same time (10)."
    ),
]
Tolerated = Annotated[
    Any | None,
    typer.Option(
        parser=parse_tolerance, metavar="N|N%", help="Items that may fail, before the rest is cancelled (all)."
    ),
]
IdempotencyKey = Annotated[
    str | None, typer.Option(metavar="TEXT", help="Return the batch of the first request with this text.")
]
Webhook = Annotated[
    str | None, typer.Option(metavar="URL", help="Send a signed message to this URL when the batch has finished.")
]
Output = Annotated[
    str | None, typer.Option("--output", "-o", metavar="FILE", help="Write the results to this file as JSON Lines.")
]
Lines = Annotated[bool, typer.Option("--json", help="Print the results as JSON Lines, even at a terminal.")]

Timeout = Annotated[
    float | None, typer.Option(parser=parse_seconds, metavar="SECONDS", help="Shorten the tool's time limit.")
]
Deadline = Annotated[
    float | None,
    typer.Option(
        parser=parse_seconds, metavar="SECONDS", help="End all items after this time, whether they have started or not."
    ),
]

app = typer.Typer(name="batch", help="Run a tool on many inputs.")


def _limits(
    max_concurrency: int | None, tolerated: Any, timeout_s: float | None, deadline_s: float | None
) -> dict[str, Any]:
    """Return the limits as arguments of `Interlock.submit_batch`."""
    return {
        "max_concurrency": max_concurrency,
        "tolerated_failures": tolerated,
        "timeout_s": timeout_s,
        "deadline_s": deadline_s,
    }


@app.command()
def run(
    tool: Tool,
    files: Annotated[
        list[str] | None,
        typer.Argument(metavar="FILE…|NAME=VALUE…", help="Files, one per item, and fields that all items have."),
    ] = None,
    *,
    field: Annotated[
        str | None, typer.Option(metavar="NAME", help="Name of the input field that receives the file.")
    ] = None,
    max_concurrency: Concurrency = None,
    tolerated_failures: Tolerated = None,
    timeout: Timeout = None,
    deadline: Deadline = None,
    webhook: Webhook = None,
    idempotency_key: IdempotencyKey = None,
    output: Output = None,
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Print the batch's id and do not wait.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
    json: Lines = False,
    url: Url = None,
    key: Key = None,
    stack: Stack = None,
    profile: Profile = None,
) -> int:
    """Run a tool on each file and print the results: interlock batch run ocr.analyze images/*.png language=eng"""
    from interlock_dev.commands.remote.batches import commands

    options = _limits(max_concurrency, tolerated_failures, timeout, deadline) | {
        "webhook": webhook,
        "idempotency_key": idempotency_key,
    }
    show = commands.RunOptions(field, output, json, quiet, detach)
    return commands.run(Target(url, key, stack, profile), tool, files or (), options, show)


@app.command()
def submit(
    tool: Tool,
    file: Annotated[
        str, typer.Argument(metavar="FILE", help='JSON Lines of {"input": …, "key": …}; - reads standard input.')
    ],
    *,
    max_concurrency: Concurrency = None,
    tolerated_failures: Tolerated = None,
    timeout: Timeout = None,
    deadline: Deadline = None,
    webhook: Webhook = None,
    idempotency_key: IdempotencyKey = None,
    json: Json = False,
    url: Url = None,
    key: Key = None,
    stack: Stack = None,
    profile: Profile = None,
) -> int:
    """Submit the items in a file, and print the id of the batch."""
    from interlock_dev.commands.remote.batches import commands

    options = _limits(max_concurrency, tolerated_failures, timeout, deadline) | {
        "webhook": webhook,
        "idempotency_key": idempotency_key,
    }
    return commands.submit(Target(url, key, stack, profile), tool, file, options, json=json)


@app.command("list")
def list_batches(
    *,
    limit: Annotated[
        int, typer.Option("--limit", "-n", parser=integer_between(1, MAX_JOBS), metavar="N", help="At most N batches.")
    ] = 20,
    json: Json = False,
    url: Url = None,
    key: Key = None,
    stack: Stack = None,
    profile: Profile = None,
) -> int:
    """List batches, newest first."""
    from interlock_dev.commands.remote.batches import commands

    return commands.show_batches(Target(url, key, stack, profile), limit, json=json)


@app.command()
def show(
    batch: BatchId,
    *,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Follow the batch until it has finished.")] = False,
    json: Json = False,
    url: Url = None,
    key: Key = None,
    stack: Stack = None,
    profile: Profile = None,
) -> int:
    """Show a batch, or watch it; then the exit status is that of the batch."""
    from interlock_dev.commands.remote.batches import commands

    return commands.show_batch(Target(url, key, stack, profile), batch, json=json, watch=watch)


@app.command()
def results(
    batch: BatchId,
    *,
    output: Output = None,
    json: Lines = False,
    url: Url = None,
    key: Key = None,
    stack: Stack = None,
    profile: Profile = None,
) -> int:
    """Print the results of a batch that has finished, or save them; the exit status is that of the batch."""
    from interlock_dev.commands.remote.batches import commands

    return commands.show_results(Target(url, key, stack, profile), batch, output, json=json)


@app.command()
def cancel(
    batch: BatchId,
    *,
    reason: Annotated[str | None, typer.Option(metavar="TEXT", help="A reason, which the batch shows.")] = None,
    json: Json = False,
    url: Url = None,
    key: Key = None,
    stack: Stack = None,
    profile: Profile = None,
) -> int:
    """Cancel a batch and wait until all of its work has stopped."""
    from interlock_dev.commands.remote.batches import commands

    return commands.cancel(Target(url, key, stack, profile), batch, reason, json=json)
