"""The command line: `python scripts/scan_execution_violations.py [PATH...]`."""

import argparse
import gc
import sys
from collections.abc import Sequence
from pathlib import Path

from tools.scanner.config import ROOTS
from tools.scanner.engine.report import FORMATS, summary
from tools.scanner.engine.scan import scan
from tools.scanner.rules import RULES

ROOT = Path(__file__).resolve().parents[2]


def main(arguments: Sequence[str] | None = None, root: Path = ROOT) -> int:
    """Run the scanner. Returns the exit code: 0 if no rule is broken, 1 if one is, 2 for wrong arguments."""
    parser = argparse.ArgumentParser(description="Find code that bypasses governed execution.")
    parser.add_argument("paths", metavar="PATH", nargs="*", type=Path, help=f"default: {', '.join(ROOTS)}")
    parser.add_argument("--format", choices=FORMATS, default="text")
    options = parser.parse_args(arguments)
    gc.disable()  # syntax trees have no cycles: looking for them costs a third of the time
    try:
        found, files = scan(options.paths or [root / name for name in ROOTS], RULES, root, whole=not options.paths)
    except OSError as error:
        print(f"{error.filename}: cannot be scanned: {error.strerror}", file=sys.stderr)
        return 2
    finally:
        gc.enable()
    print("\n".join([*map(FORMATS[options.format], found), summary(found, files=files, rules=len(RULES))]))
    return 0 if all(each.waiver for each in found) else 1
