"""Follow a job: a progress bar and log lines at a terminal, lines without one."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from interlock_client import ConflictError, InterlockError, Job
from interlock_client.documents import Event
from interlock_dev.commands.exits import Exit
from interlock_dev.commands.remote.output import STYLES, console, printable

_LEVELS = {"warning": "yellow", "error": "red", "critical": "bold red", "debug": "dim"}


def follow(job: Job, *, stderr: bool) -> None:
    """Show a job's events until it has finished, on standard error or standard output."""
    out = console(stderr=stderr)
    with _bar(out, job) as show:
        for event in job.events():
            show(event)


def follow_as_json(job: Job) -> None:
    """Print a job's events as JSON Lines until it has finished."""
    for event in job.events():
        sys.stdout.write(json.dumps(event, ensure_ascii=False) + "\n")
        sys.stdout.flush()


@contextmanager
def cancelled_by_interrupt(job: Job) -> Iterator[None]:
    """Cancel the job on Ctrl-C and wait until it has stopped; a second Ctrl-C ends the wait."""
    try:
        yield
    except KeyboardInterrupt:
        err = console(stderr=True)
        err.print(f"cancelling job {job.id}; Ctrl-C again leaves it")
        try:
            job.cancel("interrupted at the terminal")
        except ConflictError:
            return
        err.print(f"{job.wait().status}: {job.cancel_outcome}")


def exit_of(job: Job) -> Exit:
    """Return the exit status for a finished job."""
    return Exit.OK if job.status == "succeeded" else Exit.TOOL_FAILED


def show_error(error: InterlockError, job: Job) -> None:
    """Print the error of a job."""
    err = console(stderr=True)
    err.print(Text.assemble((f"{job.tool} {job.status}", "red"), f" ({error.code}): {printable(error.message)}"))
    problems = error.details.get("errors") or []
    for problem in problems:
        err.print(f"  {problem['path'] or '/'}: {printable(problem['message'])}")
    err.print(f"  job {job.id}: see `interlock logs {job.id}`", style="dim")


@contextmanager
def _bar(out: Console, job: Job) -> Iterator[_Show]:
    if not out.is_terminal:
        yield _Show(out, None, job)
        return
    columns = (
        SpinnerColumn(), TextColumn("{task.fields[status]}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"),
        TextColumn("{task.description}", markup=False), TimeElapsedColumn(),
    )  # fmt: skip
    with Progress(*columns, console=out, transient=True) as progress:
        yield _Show(out, progress, job)


class _Show:
    """Shows events. Without a bar, each change of status and each progress message is a line."""

    def __init__(self, out: Console, bar: Progress | None, job: Job) -> None:
        self._out = out
        self._bar = bar
        self._task = None if bar is None else bar.add_task("", total=1, status=job.status)

    def __call__(self, event: Event) -> None:
        if event["type"] == "log":
            self._line(printable(event["message"]), _LEVELS.get(event["level"].lower(), ""))
        elif event["type"] == "dropped":
            self._line(event["message"], "dim")
        elif self._bar is None or self._task is None:
            self._line(*_described(event))
        elif event["type"] == "state":
            self._bar.update(self._task, status=event["status"])
        elif event["type"] == "progress":
            self._bar.update(self._task, completed=event["fraction"], description=printable(event["message"]))

    def _line(self, text: str, style: str) -> None:
        self._out.print(Text(text, style=style))


def _described(event: Event) -> tuple[str, str]:
    if event["type"] == "state":
        return event["status"], STYLES[event["status"]]
    if event["type"] == "progress":
        return f"{event['fraction']:.0%} {printable(event['message'])}".rstrip(), "dim"
    return "", ""
