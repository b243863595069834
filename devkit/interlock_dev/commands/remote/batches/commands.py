"""`interlock batch run`, `submit`, `list`, `show`, `results` and `cancel`."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from interlock_client import Batch, IdempotencyError, Interlock, InterlockError
from interlock_client.batch_documents import BatchDocument
from interlock_dev.commands.exits import CommandFailed, Exit
from interlock_dev.commands.options import Target
from interlock_dev.commands.remote.batches.following import (
    Bar,
    cancelled_by_interrupt,
    described,
    exit_of,
    follow,
    show_end,
)
from interlock_dev.commands.remote.batches.items import Items, items_of_files, items_of_lines
from interlock_dev.commands.remote.batches.results import Destination
from interlock_dev.commands.remote.batches.sending import with_uploads
from interlock_dev.commands.remote.output import (
    cancel_text,
    console,
    details,
    moments,
    print_json,
    table,
    webhook_rows,
    when,
)
from interlock_dev.commands.remote.run import Schemas, find_tool
from interlock_dev.commands.remote.target import connect

type BatchOptions = Mapping[str, Any]
"""Arguments of `Interlock.submit_batch` besides its items."""


@dataclass(frozen=True, slots=True)
class RunOptions:
    """The input field that takes a file, what is shown, and where the results go."""

    field: str | None
    output: str | None
    json: bool
    quiet: bool
    detach: bool


def run(target: Target, name: str, arguments: Sequence[str], options: BatchOptions, show: RunOptions) -> Exit:
    """Run a tool on each file, follow the batch, and print its results. Raise `UsageError`."""
    if show.detach and show.output:
        raise CommandFailed(
            "--detach does not wait for results: save them later with `interlock batch results ID --output FILE`",
            Exit.USAGE,
        )
    destination = Destination(show.output, show.json)
    destination.check()
    with connect(target) as (interlock, _):
        tool, schemas = _tool(interlock, name)
        items = items_of_files(tool, schemas["input_schema"], arguments, show.field)
        with Bar(console(stderr=True), quiet=show.quiet) as bar:
            batch = _submitted(interlock, tool, items, options, bar)
            if show.detach:
                return _print_id(batch, json=show.json)
            console(stderr=True).print(f"batch {batch.id}")
            with cancelled_by_interrupt(batch, bar) as interrupts:
                follow(batch, bar.batch)
        destination.write(batch.results(), schemas["output_schema"], partial=batch.counts["cancelled"] > 0)
        show_end(batch)
        return Exit.INTERRUPTED if interrupts else exit_of(batch)


def submit(target: Target, name: str, file: str, options: BatchOptions, *, json: bool) -> Exit:
    """Submit a batch of the items in a file, and print its id. Raise `UsageError`."""
    items = items_of_lines(file)
    with connect(target) as (interlock, _), Bar(console(stderr=True)) as bar:
        return _print_id(_submitted(interlock, _tool(interlock, name)[0], items, options, bar), json=json)


def show_batches(target: Target, limit: int, *, json: bool) -> Exit:
    """Print batches, newest first. Raise `UsageError`."""
    with connect(target) as (interlock, _):
        documents = [batch.document for batch in interlock.batches(limit=limit)]
    if json:
        print_json(documents)
    else:
        columns = ("batch", "tool", "status", "items", "", "created")
        console().print(table(columns, [_row(one) for one in documents]))
    return Exit.OK


def show_batch(target: Target, batch_id: str, *, json: bool, watch: bool) -> Exit:
    """Print a batch, or watch it until it has finished and return the exit status for its outcome."""
    with connect(target) as (interlock, _):
        batch = interlock.batch(batch_id)
        if not watch:
            print_json(batch.document) if json else console().print(details(_facts(batch.document)))
            return Exit.OK
        if json:
            follow(batch, print_json)
        else:
            with Bar(console()) as bar:
                follow(batch, bar.batch)
            show_end(batch)
        return exit_of(batch)


def show_results(target: Target, batch_id: str, output: str | None, *, json: bool) -> Exit:
    """Print or save the results of a batch that has finished. Raise `UsageError`."""
    with connect(target) as (interlock, _):
        batch = interlock.batch(batch_id)
        if not batch.finished:
            raise CommandFailed(
                f"batch {batch.id} is {batch.status}: wait for it with `interlock batch show {batch.id} --watch`",
                Exit.REFUSED,
            )
        schema: Mapping[str, Any] = {}
        with suppress(CommandFailed, InterlockError):  # a plugin that is not deployed any more has no schema
            schema = find_tool(interlock, f"{batch.document['plugin']}.{batch.document['tool']}")[1]["output_schema"]
        Destination(output, json).write(batch.results(), schema)
        return exit_of(batch)


def cancel(target: Target, batch_id: str, reason: str | None, *, json: bool) -> Exit:
    """Request the cancel of a batch and wait until it has stopped. Raise `UsageError`."""
    with connect(target) as (interlock, _):
        batch = interlock.batch(batch_id).cancel(reason).wait()
    if json:
        print_json(batch.document)
    else:
        request = batch.document["cancel"]
        sys.stdout.write(f"{batch.status}: {request['outcome'] if request else 'stopped'}\n")
    return Exit.OK


def _tool(interlock: Interlock, name: str) -> tuple[str, Schemas]:
    """Return the full name of a tool, and its schemas."""
    plugin, schemas = find_tool(interlock, name)
    return f"{plugin}.{schemas['name']}" if schemas["name"] else plugin, schemas


def _submitted(interlock: Interlock, tool: str, items: Items, options: BatchOptions, bar: Bar) -> Batch:
    try:
        return interlock.submit_batch(
            tool,
            with_uploads(interlock, items.inputs, bar.uploading),
            keys=items.keys,
            **options,
        )
    except KeyboardInterrupt:
        console(stderr=True).print("interrupted before the batch was accepted; `interlock batch list` would show it")
        raise
    except IdempotencyError:
        raise CommandFailed(
            "--idempotency-key was used for another request (uploading the files again makes another one): see "
            "`interlock batch list`",
            Exit.REFUSED,
        ) from None


def _print_id(batch: Batch, *, json: bool) -> Exit:
    print_json(batch.document) if json else sys.stdout.write(f"{batch.id}\n")
    return Exit.OK


def _row(batch: BatchDocument) -> Sequence[Any]:
    tool = f"{batch['plugin']}.{batch['tool']}"
    total = "-" if batch["total"] is None else batch["total"]
    return batch["batch_id"], tool, batch["status"], total, described(batch) or " ", when(batch["created_at"])


def _facts(batch: BatchDocument) -> Sequence[tuple[str, Any]]:
    """Return the rows that describe a batch."""
    tolerated = batch["tolerated_failures"]
    rows: list[tuple[str, Any]] = [
        ("batch", batch["batch_id"]),
        ("tool", f"{batch['plugin']}.{batch['tool']} {batch['plugin_version']}"),
        ("status", batch["status"]),
        ("items", batch["total"]),
        *((name.replace("_", " "), count) for name, count in batch["counts"].items() if count),
        ("at a time", batch["max_concurrency"]),
        ("may fail", "all" if tolerated is None else tolerated),
    ]
    if batch["error"]:
        rows.append(("error", f"{batch['error']['code']}: {batch['error']['message']}"))
    if batch["cancel"]:
        rows.append(("cancel", cancel_text(batch["cancel"])))
    return [
        *rows,
        *moments(batch),
        ("limit", f"{batch['timeout_s']:g} s"),
        ("deadline", batch["deadline_at"]),
        ("expires", batch["expires_at"]),
        *webhook_rows(batch["webhook"]),
    ]
