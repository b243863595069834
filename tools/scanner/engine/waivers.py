"""Waivers: a comment on a line that takes one violation there upon itself, with the reason.

`plugin.run(…)  # interlock: allow ILK001 - the benchmark measures the bare call`
"""

import io
import re
import tokenize
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tools.scanner.engine.violation import Violation

CODE = "ILK099"
TITLE = "A waiver has a code and a reason, and is needed"

_MARK = re.compile(r"#\s*interlock:\s*allow\b(?P<rest>.*)", re.IGNORECASE)
_REST = re.compile(r"\s+(?P<code>ILK\d{3})\s+[-\u2013\u2014]+\s+(?P<reason>\S.*)")


@dataclass(frozen=True, slots=True)
class Waiver:
    """A comment that waives `code` on its line; without code and reason it waives nothing."""

    line: int
    column: int
    code: str | None
    reason: str


@dataclass(frozen=True, slots=True)
class Waived:
    """A violation that is let pass, and why."""

    violation: Violation
    reason: str


def waivers_in(text: str) -> Iterator[Waiver]:
    """The waivers of a source text that parses."""
    if not _MARK.search(text):
        return
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT and (mark := _MARK.search(token.string)):
            rest = _REST.fullmatch(mark["rest"])
            line, column = token.start
            yield Waiver(line, column + 1, rest["code"] if rest else None, rest["reason"].strip() if rest else "")


def apply(
    path: str, violations: Sequence[Violation], waivers: Sequence[Waiver]
) -> tuple[list[Violation], list[Waived]]:
    """What is left of a file's violations, and what is waived. A waiver that waives nothing is a violation itself."""
    reasons = {(waiver.line, waiver.code): waiver.reason for waiver in waivers if waiver.code}
    waived = [Waived(found, reasons[found.line, found.code]) for found in violations
              if (found.line, found.code) in reasons]  # fmt: skip
    left = [found for found in violations if (found.line, found.code) not in reasons]
    used = {(each.violation.line, each.violation.code) for each in waived}
    for waiver in waivers:
        if waiver.code is None:
            message = "a waiver reads `# interlock: allow ILKnnn - reason`"
        elif (waiver.line, waiver.code) not in used:
            message = f"there is no {waiver.code} on this line to waive"
        else:
            continue
        left.append(Violation(path, waiver.line, waiver.column, CODE, message))
    return left, waived
