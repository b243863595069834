"""Follow a batch: one progress bar at a terminal, lines without one."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from interlock_client import Batch, ConflictError, InterlockError
from interlock_client.batch_documents import BatchDocument
from interlock_client.pace import Pace
from interlock_dev.commands.exits import Exit
from interlock_dev.commands.remote.output import STYLES, console, printable

_ENDED = ("succeeded", "failed", "timed_out", "cancelled")
_STEPS = 10
"""Number of progress steps that are printed without a terminal, besides changes of the status."""


class Bar:
    """A progress bar, or lines without a terminal."""

    def __init__(self, out: Console, *, quiet: bool = False) -> None:
        self._out = out
        self._quiet = quiet
        self._last: tuple[str, int] | None = None
        self._progress = Progress(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
            TextColumn("{task.fields[more]}", markup=False), TimeElapsedColumn(), console=out, transient=True,
        ) if out.is_terminal and not quiet else None  # fmt: skip
        self._task = self._progress.add_task("", total=None, more="") if self._progress else None

    def __enter__(self) -> Bar:
        if self._progress:
            self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._progress:
            self._progress.stop()

    def uploading(self, done: int, total: int) -> None:
        """Show how many files have been uploaded."""
        self._show("uploading", done, total, "files")

    def batch(self, batch: BatchDocument) -> None:
        """Show a batch."""
        self._show(batch["status"], _done(batch), batch["total"], described(batch))

    def _show(self, status: str, done: int, total: int | None, more: str) -> None:
        if self._progress and self._task is not None:
            self._progress.update(self._task, description=status, completed=done, total=total, more=more)
            return
        if self._quiet:
            return
        step = (status, done * _STEPS // total if total else 0)
        if step != self._last:
            self._last = step
            text = f"{status} {done}/{total} {more}" if total else status
            self._out.print(Text(text.rstrip(), style=STYLES.get(status, "")))


def follow(batch: Batch, show: Callable[[BatchDocument], None]) -> None:
    """Call `show` at each change of a batch, until it has finished."""
    pace, shown = Pace(None), None
    while True:
        if batch.document != shown:
            shown = batch.document
            show(shown)
        if batch.finished:
            return
        time.sleep(pace.pause_s())
        batch.refresh()


@contextmanager
def cancelled_by_interrupt(batch: Batch, bar: Bar) -> Iterator[list[KeyboardInterrupt]]:
    """Cancel the batch on Ctrl-C and follow it until it has stopped. A second Ctrl-C or an error of the client ends the
    command, but not the batch, and prints how to follow it again. Yield a list to which the first Ctrl-C is added."""
    err = console(stderr=True)
    interrupts: list[KeyboardInterrupt] = []
    try:
        try:
            yield interrupts
        except KeyboardInterrupt as interrupt:
            interrupts.append(interrupt)
            err.print(f"cancelling batch {batch.id}; Ctrl-C again leaves it")
            try:
                batch.cancel("interrupted at the terminal")
            except ConflictError:
                batch.refresh()
            follow(batch, bar.batch)
    except (KeyboardInterrupt, InterlockError):
        err.print(f"batch {batch.id} goes on: see `interlock batch show {batch.id} --watch`")
        raise


def _done(batch: BatchDocument) -> int:
    return sum(batch["counts"][name] for name in _ENDED)  # type: ignore[literal-required]


def described(batch: BatchDocument) -> str:
    """Return the counts of finished items as text."""
    counts = {name: batch["counts"][name] for name in _ENDED}  # type: ignore[literal-required]
    return ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in counts.items() if count)


def show_end(batch: Batch) -> None:
    """Print how a batch has ended, and how to find the items that have not succeeded."""
    err = console(stderr=True)
    document = batch.document
    counts = described(document)
    err.print(Text.assemble((f"batch {batch.id} {batch.status}", STYLES[batch.status]), counts and f": {counts}"))
    if document["error"] and batch.status == "failed":
        err.print(f"{document['error']['code']}: {printable(document['error']['message'])}")
    failed = document["counts"]["failed"] + document["counts"]["timed_out"]
    if failed:
        find = f"interlock jobs --batch {batch.id} --status failed --status timed_out"
        err.print(f"{failed:,} of {document['total']:,} items failed: see `{find}`", style="dim")


def exit_of(batch: Batch) -> Exit:
    """Return the exit status for a finished batch. Without a tolerance, each item has to succeed."""
    every = batch.document["total"] == batch.counts["succeeded"] or batch.document["tolerated_failures"] is not None
    return Exit.OK if batch.status == "succeeded" and every else Exit.TOOL_FAILED
