"""Waivers: a comment that permits one rule to be broken on its line, and gives the reason.

`plugin.run(…)  # interlock: allow ILK001 - the benchmark measures the bare call`
"""

import io
import re
import tokenize
from collections.abc import Iterator, Sequence
from dataclasses import replace

from tools.scanner.engine.violation import Violation

CODE = "ILK099"

_MARK = re.compile(r"#\s*interlock:\s*allow\b(.*)", re.IGNORECASE)
_REST = re.compile(r"\s+(ILK\d{3})\s+[-\u2013\u2014]+\s+(\S.*)")


def apply(violations: Sequence[Violation], text: str, path: str) -> Iterator[Violation]:
    """Yield the violations of a file with their waivers. A waiver that permits nothing is a violation."""
    reasons: dict[tuple[int, str], tuple[int, str]] = {}
    for line, column, comment in _waivers(text):
        if rest := _REST.fullmatch(comment):
            reasons[line, rest[1]] = column, rest[2].strip()
        else:
            yield Violation(path, line, column, CODE, "a waiver must read `# interlock: allow ILKnnn - reason`")
    for found in violations:
        _, reason = reasons.get((found.line, found.code), (0, ""))
        yield replace(found, waiver=reason)
    for line, code in reasons.keys() - {(found.line, found.code) for found in violations}:
        column, _ = reasons[line, code]
        yield Violation(path, line, column, CODE, f"this line does not break {code}: remove the waiver")


def _waivers(text: str) -> Iterator[tuple[int, int, str]]:
    """Yield line, column and content of the waiver comments in a source text that parses."""
    if _MARK.search(text):
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.COMMENT and (mark := _MARK.search(token.string)):
                yield token.start[0], token.start[1] + 1, mark[1]
