"""The logs of a stack as lines for a reader.

Functions log JSON for CloudWatch, and the emulator reports each invocation in three lines. At a terminal one line per
request, the output of plugins and what went wrong are enough.
"""

from __future__ import annotations

import json
import logging
import os
import re
import sys
import threading
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple, Self

from rich.console import Console
from rich.text import Text

_PLATFORM = re.compile(r"(START|END|REPORT) RequestId: ")
_FLUSH = "\0flush"
_FLUSH_LIMIT_S = 5.0

_STACKS = ("stack", "stack_trace", "traceback", "exception")
"""Fields of a record that hold a traceback: ours, Lambda's and Powertools'."""

_COMMON = {"timestamp", "level", "message", "logger", "requestId", "location", "service", "cold_start", *_STACKS}
_CHATTY = ("botocore", "urllib3")
"""Loggers whose INFO records do not concern an author."""


class Line(NamedTuple):
    """A line to show, with the style in which a terminal shows it."""

    text: str
    style: str = ""


class LogView:
    """Takes over standard error, also of the processes that are started meanwhile, and shows it as lines to read.

    `level` is the lowest level of records to show. `quiet` leaves out requests and the output of plugins.
    """

    def __init__(self, *, level: str = "info", quiet: bool = False) -> None:
        self._level = logging.getLevelNamesMapping()[level.upper()]
        self._quiet = quiet
        self._flushed = threading.Event()

    def __enter__(self) -> Self:
        self._stderr = os.dup(2)
        read, write = os.pipe()
        os.dup2(write, 2)
        os.close(write)
        self._reader = threading.Thread(target=self._show_all, args=(read,), name="log-view", daemon=True)
        self._reader.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.flush()
        os.dup2(self._stderr, 2)

    def flush(self) -> None:
        """Wait until everything that was written before is shown."""
        self._flushed.clear()
        sys.stderr.flush()
        os.write(2, f"\n{_FLUSH}\n".encode())
        self._flushed.wait(_FLUSH_LIMIT_S)

    def _show_all(self, read: int) -> None:
        with os.fdopen(os.dup(self._stderr), "w") as terminal, os.fdopen(read, errors="replace") as written:
            console = Console(file=terminal, highlight=False, soft_wrap=True) if terminal.isatty() else None
            for line in written:
                if line.rstrip() == _FLUSH:
                    self._flushed.set()
                    continue
                for text, style in self.lines(line.rstrip("\n")):
                    if console is None:
                        terminal.write(f"{text}\n")
                    else:
                        console.print(Text(text, style))
                terminal.flush()

    def lines(self, written: str) -> Iterator[Line]:
        """Yield the lines to show for one line of a log."""
        if not written or (_PLATFORM.match(written) and self._level > logging.DEBUG):
            return
        record = _parsed(written)
        if record is None:
            yield Line(written)
        elif "_aws" in record:  # metrics
            return
        elif "route" in record and "status" in record:
            if not self._quiet:
                yield _request(record)
        elif "stream" in record and "line" in record:
            if not self._quiet:
                yield Line(f"{_short(record)} | {record['line']}")
        else:
            yield from self._record(record)

    def _record(self, record: Mapping[str, Any]) -> Iterator[Line]:
        name = str(record.get("level", "INFO")).upper()
        level = logging.getLevelNamesMapping().get(name, logging.INFO)
        chatty = level <= logging.INFO and str(record.get("logger", "")).startswith(_CHATTY)
        if (logging.DEBUG if chatty else level) < self._level:
            return
        style = "red" if level >= logging.ERROR else "yellow" if level >= logging.WARNING else ""
        more = "".join(f"  {key}={value}" for key, value in record.items() if key not in _COMMON)
        yield Line(f"{name} {record.get('message', '')}{more}", style)
        for field in _STACKS:
            stack = record.get(field) or ""
            for line in "".join(stack).splitlines() if isinstance(stack, list) else str(stack).splitlines():
                yield Line(f"{_short(record)} | {line}", style)


def _parsed(written: str) -> dict[str, Any] | None:
    if not written.startswith("{"):
        return None
    try:
        record = json.loads(written)
    except ValueError:
        return None
    return record if isinstance(record, dict) else None


def _request(record: Mapping[str, Any]) -> Line:
    """Return the line about a request from the gateway's access log."""
    try:
        at = datetime.fromisoformat(str(record.get("time"))).astimezone().strftime("%H:%M:%S")
    except ValueError:
        at = ""
    status = str(record["status"])
    style = "red" if status >= "500" else "yellow" if status >= "400" else "green"
    words = at, f"{record.get('method', ''):6}", record["route"], status, f"{record.get('latency_ms', '-')} ms"
    return Line(" ".join([*words, str(record.get("tenant", ""))]), style)


def _short(record: Mapping[str, Any]) -> str:
    """Return the end of a job's id, which tells jobs apart that run at the same time."""
    return f"  {str(record.get('job_id', ''))[-6:]:6}"
