"""Violations and harmless code for each rule. The tests check every sample.

`ilk001.py` has the samples of ILK001, one after the other. `# %% violation` or `# %% harmless` starts a sample; `in
PATH` after it sets the path under which the sample is scanned. The lines that end in `# bad` must be reported, or the
last line if no line does.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

FOLDER = Path(__file__).resolve().parents[4] / "tools" / "scanner" / "samples"

_START = re.compile(r"^# %% (violation|harmless)(?: in (\S+))?\n", re.MULTILINE)
_BAD = "# bad"


@dataclass(frozen=True, slots=True)
class Sample:
    """A short source for one rule, as if it were the content of the file `path`."""

    source: str
    path: PurePosixPath
    bad_lines: frozenset[int]


def samples_of(code: str) -> Iterator[Sample]:
    """Yield the samples of a rule; those without bad lines are harmless."""
    _, *parts = _START.split((FOLDER / f"{code.lower()}.py").read_text(encoding="utf-8"))
    for kind, path, source in zip(parts[::3], parts[1::3], parts[2::3], strict=True):
        lines = source.strip().splitlines()
        bad = frozenset(number for number, line in enumerate(lines, 1) if line.endswith(_BAD)) or {len(lines)}
        where = PurePosixPath(path or "layers/runtime/interlock/example.py")
        yield Sample(source.strip(), where, frozenset(bad if kind == "violation" else ()))
