"""The violations that the scanner reports."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Violation:
    """A place that breaks a rule. `line` and `column` count from 1, the column in characters. `waiver` is the reason
    for which the violation is permitted, empty if it is not."""

    path: str
    line: int
    column: int
    code: str
    message: str
    waiver: str = ""
