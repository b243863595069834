"""The rows of the bench: a figure with its target and its spread."""

import json
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Row:
    """A figure. `target` is the highest value that meets it. `spread` are the first and third quartile of the rounds.
    `value` is None if this machine cannot measure it, and `note` says why."""

    name: str
    value: float | None
    unit: str
    target: float | None = None
    spread: tuple[float, float] | None = None
    note: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the target is met, None without a target or a value."""
        return None if self.value is None or self.target is None else self.value <= self.target

    def document(self) -> dict[str, Any]:
        """Return the row as it is written to `results.json`."""
        fields = {"name": self.name, "value": _rounded(self.value), "unit": self.unit, "target": self.target}
        spread = None if self.spread is None else [_rounded(value) for value in self.spread]
        return {**fields, "met": self.met, "spread": spread} | ({"note": self.note} if self.note else {})


def of_rounds(name: str, values: Sequence[float], unit: str, target: float | None = None, note: str = "") -> Row:
    """Return the row of a figure that was measured once in each round: the median and the quartiles."""
    return Row(name, statistics.median(values), unit, target, _quartiles(values), note)


def interleaved[Key](calls: Mapping[Key, Callable[[], float]], rounds: int) -> dict[Key, list[float]]:
    """Measure each once per round, so that other load on the machine affects all alike. The order rotates."""
    measured: dict[Key, list[float]] = {key: [] for key in calls}
    for number in range(rounds):
        keys = list(calls)
        for key in keys[number % len(keys) :] + keys[: number % len(keys)]:
            measured[key].append(calls[key]())
    return measured


def ratios(values: Iterable[float], bases: Iterable[float]) -> list[float]:
    """Return the ratio of each round."""
    return [value / base for value, base in zip(values, bases, strict=True)]


def _quartiles(values: Sequence[float]) -> tuple[float, float] | None:
    if len(values) < 2:
        return None
    first, _, third = statistics.quantiles(values, n=4, method="inclusive")
    return first, third


def _rounded(value: float | None) -> float | None:
    """Round to three significant digits, and values of 1,000 and more to whole numbers."""
    return None if value is None else float(f"{value:.3g}") if value < 1000 else round(value)


def table(rows: Sequence[Row]) -> Table:
    """Return the rows as a table for the terminal."""
    found = Table(box=None, padding=(0, 2, 0, 0))
    for column in ("figure", "value", "unit", "target", "met", "spread"):
        found.add_column(
            column, justify="left" if column in {"figure", "unit"} else "right", no_wrap=column != "figure"
        )
    for row in rows:
        met = {True: "yes", False: "no", None: ""}[row.met]
        spread = "" if row.spread is None else f"{_text(row.spread[0])} to {_text(row.spread[1])}"
        value = _text(row.value) if row.value is not None else "-"
        target = "" if row.target is None else f"≤ {_text(row.target)}"
        name = f"{row.name} ({row.note})" if row.note else row.name
        found.add_row(name, value, row.unit, target, met, spread)
    return found


def _text(value: float | None) -> str:
    return f"{_rounded(value):g}"


def write(rows: Sequence[Row], file: Path) -> None:
    """Write `results.json`, a row a line."""
    lines = ",\n".join(json.dumps(row.document(), ensure_ascii=False) for row in rows)
    file.write_text(f"[\n{lines}\n]\n")


def report(rows: Sequence[Row]) -> None:
    """Print the table."""
    Console(highlight=False, width=140).print(table(rows))
