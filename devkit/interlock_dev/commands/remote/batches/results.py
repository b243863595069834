"""Print or save the results of a batch: a table for people, JSON Lines for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.text import Text

from interlock_client.batch_documents import BatchResult
from interlock_dev.commands.remote.output import console, printable, table
from interlock_dev.commands.remote.results import shortened
from interlock_dev.commands.remote.schemas import files_in, node
from interlock_dev.project.errors import UsageError

_MOST = 400
"""Characters of a result or a message in a table: no terminal is wider."""

_WRITING, _PARTIAL = ".part", ".partial"
"""Suffixes of a file that is being written, and of results of a batch that was stopped."""


@dataclass(frozen=True, slots=True)
class Destination:
    """Where results go: the file `output`, or standard output."""

    output: str | None
    json: bool

    def check(self) -> None:
        """Raise `UsageError` if the file cannot be written. Called before the batch is submitted."""
        if self._file is None:
            return
        if self._file.exists() and not self._file.is_file():
            raise UsageError(f"--output {self.output} is not a file: name one, such as results.jsonl")
        with self._writing():
            self._file.parent.mkdir(parents=True, exist_ok=True)
            self._beside(_WRITING).touch()
            self._beside(_WRITING).unlink()

    def write(self, lines: Iterable[BatchResult], schema: Mapping[str, Any], *, partial: bool = False) -> None:
        """Write or print results that fit `schema`. Raise `UsageError`.

        The file is replaced only when the new one is complete, so an interruption never loses earlier results. With
        `partial`, for a batch that was stopped, the suffix `.partial` is added to the file's name.
        """
        if self._file is None:
            print_results(lines, schema, json=self.json or self.output is not None)
            return
        written, path = self._beside(_WRITING), self._beside(_PARTIAL) if partial else self._file
        try:
            with self._writing(), written.open("w", encoding="utf-8") as file:
                count = sum(1 for line in lines if file.write(_text(line)))
            written.replace(path)
        finally:
            written.unlink(missing_ok=True)
        name = f"{self.output}{_PARTIAL if partial else ''}"
        console(stderr=True).print(f"wrote {name} ({count:,} items)", style="dim")

    @property
    def _file(self) -> Path | None:
        return None if self.output in {None, "-"} else Path(str(self.output)).resolve()

    def _beside(self, suffix: str) -> Path:
        path = Path(str(self.output)).resolve()
        return path.with_name(path.name + suffix)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise UsageError(f"--output {self.output} cannot be written ({error.strerror})") from None


def print_results(lines: Iterable[BatchResult], schema: Mapping[str, Any], *, json: bool) -> None:
    """Print results: a table at a terminal, JSON Lines otherwise, or if `json` is set."""
    if json or not sys.stdout.isatty():
        for line in lines:
            sys.stdout.write(_text(line))
        return
    console().print(table(("item", "status", "job", "result"), [_row(line, schema) for line in lines]))


def _text(line: BatchResult) -> str:
    return json.dumps(line, ensure_ascii=False) + "\n"


def _row(line: BatchResult, schema: Mapping[str, Any]) -> tuple[Any, ...]:
    if "error" in line:
        text = f"{line['error']['code']}: {line['error']['message']}"
    else:
        result = line["result"]
        text = json.dumps(shortened(result, list(files_in(node(schema), result))), ensure_ascii=False)
    # The result takes one line, and is cut to the width that the other columns leave.
    shown = Text(printable(" ".join(text[:_MOST].split())), no_wrap=True, overflow="ellipsis")
    return line["key"] or str(line["index"]), line["status"], line["job_id"], shown
