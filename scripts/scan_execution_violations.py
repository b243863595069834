#!/usr/bin/env python3
"""Finds what goes around governed execution: `python scripts/scan_execution_violations.py [PATH...]`.

Works on the syntax tree, needs nothing but a Python 3.11 or later, and imports none of what it scans. Exits 0 when the
tree is clean, 1 when a rule is broken, 2 when it was called wrongly.
"""

import argparse
import gc
import sys
from collections.abc import Sequence
from pathlib import Path
from textwrap import fill, indent

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tools.scanner.engine.report import FORMATS
from tools.scanner.engine.scan import ROOTS, Misuse, scan
from tools.scanner.rules import RULES, Rule

CLEAN, VIOLATIONS, MISUSE = 0, 1, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the scanner and returns its exit code."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.list_rules:
        print("\n".join(f"{rule.code} {rule.title}" for rule in RULES))
        return CLEAN
    if options.explain:
        return _explain(options.explain)
    gc.disable()  # trees hold no cycles, so looking for some in millions of nodes only costs time
    try:
        report = scan(options.paths, RULES, options.root.resolve())
    except Misuse as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return MISUSE
    print(FORMATS[options.format](report))
    return VIOLATIONS if report.violations else CLEAN


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Finds what goes around governed execution.")
    parser.add_argument("paths", metavar="PATH", nargs="*", type=Path, help=f"default: {', '.join(ROOTS)}")
    parser.add_argument("--format", choices=FORMATS, default="text")
    parser.add_argument("--list-rules", action="store_true", help="print codes and titles")
    parser.add_argument("--explain", metavar="CODE", help="print a rule's reason and samples")
    parser.add_argument(
        "--root",
        metavar="DIR",
        type=Path,
        default=Path(__file__).resolve().parent.parent,
        help="the root that paths are reported from; default: this repository",
    )
    return parser


def _explain(code: str) -> int:
    rule = next((rule for rule in RULES if rule.code == code.upper()), None)
    if rule is None:
        print(f"there is no rule {code}: see --list-rules", file=sys.stderr)
        return MISUSE
    print(f"{rule.code} {rule.title}\n\n{fill(rule.rationale, 100)}")
    _show("Refused", rule)
    _show("Fine", rule)
    return CLEAN


def _show(heading: str, rule: Rule) -> None:
    found = rule.failing if heading == "Refused" else rule.passing
    print(f"\n{heading}:")
    for sample in found:
        print(f"\n  in {sample.path}\n{indent(sample.source, '    ')}")


if __name__ == "__main__":
    sys.exit(main())
