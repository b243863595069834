"""Print data: tables and colors for people, JSON for programs.

Data goes to standard output, everything else to standard error. Rich leaves out colors without a terminal and with
`NO_COLOR`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from interlock_client.batch_documents import BatchDocument
from interlock_client.documents import Cancel, Delivery, JobDocument, Webhook

_WIDE = 10_000
"""Width without a terminal, so that no table is cut or wrapped."""

STYLES = {
    "preparing": "dim",
    "pending": "dim",
    "running": "cyan",
    "cancelling": "yellow",
    "succeeded": "green",
    "failed": "red",
    "timed_out": "red",
    "cancelled": "yellow",
    "LOADED": "green",
    "INITIALIZED": "green",
    "RUNNING": "cyan",
    "FAILED": "red",
    "UNAVAILABLE": "red",
    "OK": "green",
    "ALARM": "red",
    "INSUFFICIENT_DATA": "dim",
}


def console(*, stderr: bool = False) -> Console:
    """Return a console for text that is never read as markup."""
    terminal = (sys.stderr if stderr else sys.stdout).isatty()
    return Console(stderr=stderr, highlight=False, markup=False, soft_wrap=True, width=None if terminal else _WIDE)


def print_json(document: Any) -> None:
    """Print a document as JSON, indented for people."""
    indent = 2 if sys.stdout.isatty() else None
    sys.stdout.write(json.dumps(document, indent=indent, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> Table:
    """Return a table without lines. Columns of numbers are aligned to the right; the first column, which has ids or
    names, is never wrapped."""
    cells = [[cell(one) for one in row] for row in rows]
    made = Table(box=None, padding=(0, 2, 0, 0), header_style="bold", pad_edge=False)
    for number, column in enumerate(columns):
        plain = [row[number].plain for row in cells]
        numeric = any(map(str.isdecimal, plain)) and all(one.isdecimal() or one == "-" for one in plain)
        made.add_column(column, justify="right" if numeric else "left", overflow="fold", no_wrap=number == 0)
    for row in cells:
        made.add_row(*row)
    return made


def details(rows: Iterable[tuple[str, Any]]) -> Table:
    """Return a table of names and values, without the rows whose value is None or `-`."""
    shown = table(("", ""), [(Text(name, style="dim"), value) for name, value in rows if value not in {None, "-"}])
    shown.show_header = False
    return shown


def moments(document: JobDocument | BatchDocument) -> list[tuple[str, str]]:
    """Return the rows about when a job or batch was created, started and completed."""
    times = [(name, document[f"{name}_at"]) for name in ("created", "started", "completed")]  # type: ignore[literal-required]
    return [(name, f"{time} ({when(time)})") for name, time in times if time]


def cancel_text(cancel: Cancel) -> str:
    """Return a request to cancel as text."""
    return f"{cancel['outcome'] or 'requested'} ({cancel['reason'] or 'no reason'})"


def webhook_rows(webhook: Webhook | None) -> list[tuple[str, str]]:
    """Return the rows about a webhook and its deliveries."""
    if webhook is None:
        return []
    return [("webhook", webhook["url"]), *((one["event"], _delivery(one)) for one in webhook["deliveries"] or ())]


def _delivery(delivery: Delivery) -> str:
    """Describe a delivery: its state, its attempts, and why the last one failed."""
    text = f"{delivery['state']} after {delivery['attempts']} attempts"
    last = delivery["last_status"] or delivery["last_error"]
    text += f", last {last}" if last and delivery["state"] != "delivered" else ""
    return text + (f", next {delivery['next_attempt_at']}" if delivery["next_attempt_at"] else "")


def cell(value: Any) -> Text:
    """Return a value as the text of a cell. Control characters of callers and plugins do not reach the terminal."""
    if isinstance(value, Text):
        return value
    text = "-" if value is None or value == "" else f"{value:.0f}" if isinstance(value, float) else str(value)
    return Text(printable(text), style=STYLES.get(text, ""))


def printable(text: str) -> str:
    """Return text without control characters."""
    return "".join(one if one.isprintable() or one in "\n\t" else "\N{REPLACEMENT CHARACTER}" for one in text)


def when(text: str | None) -> str:
    """Return a time as its distance from now, such as `3 min ago`."""
    if text is None:
        return "-"
    seconds = (datetime.now(UTC) - datetime.fromisoformat(text)).total_seconds()
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds / length:.0f} {unit} ago"
    return f"{max(0, seconds):.0f} s ago"


def took(job: JobDocument) -> str:
    """Return how long the tool ran."""
    milliseconds = job["execution_time_ms"]
    if milliseconds is None:
        return "-"
    return f"{milliseconds:.0f} ms" if milliseconds < 10_000 else f"{milliseconds / 1000:.1f} s"
