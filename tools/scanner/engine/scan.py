"""Find files, parse each once, and apply every rule."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from types import ModuleType

from tools.scanner.engine import waivers
from tools.scanner.engine.tree import SyntaxTree
from tools.scanner.engine.violation import Violation

Rules = Mapping[str, ModuleType]
SYNTAX_CODE = "ILK000"


def scan(paths: Sequence[Path], rules: Rules, root: Path, *, whole: bool) -> tuple[list[Violation], int]:
    """Scan files and folders and return the violations, sorted, and the number of files. `whole` means that they are
    the whole project. Files outside the root are reported with their absolute path. Raises OSError for a path that does
    not exist or cannot be read."""
    found: list[Violation] = []
    names: list[PurePosixPath] = []
    for file in find_files(paths):
        names.append(PurePosixPath((file.relative_to(root) if file.is_relative_to(root) else file).as_posix()))
        found += scan_source(file.read_bytes(), names[-1], rules)
    for code, rule in rules.items() if whole else ():
        problems = rule.check_project(names) if hasattr(rule, "check_project") else ()
        found += (Violation(str(path), 1, 1, code, message) for path, message in problems)
    return sorted(found), len(names)


def scan_source(source: bytes, path: PurePosixPath, rules: Rules) -> list[Violation]:
    """Return the violations in the content of one file, waived ones included."""
    found: dict[tuple[int, int, str], Violation] = {}  # one for each rule and place
    try:
        tree = SyntaxTree.parse(source)
        for code, rule in rules.items():
            for node, message in rule.check(tree, path):
                place = node.lineno, tree.column(node), code
                found[place] = Violation(str(path), *place, message)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line, column = getattr(error, "lineno", None) or 1, getattr(error, "offset", None) or 1
        message = f"Python {sys.version_info.major}.{sys.version_info.minor} cannot parse this file: {error}"
        return [Violation(str(path), line, max(column, 1), SYNTAX_CODE, message)]
    return list(waivers.apply(list(found.values()), tree.text, str(path)))


def find_files(paths: Iterable[Path]) -> list[Path]:
    """Return the Python files in folders and the given files, each once and in order."""
    seen: dict[Path, bool] = {}
    for path in paths:
        _find(path.resolve(strict=True), seen)
    return [path for path, is_file in seen.items() if is_file]


def _find(path: Path, seen: dict[Path, bool]) -> None:
    """Find the files of a folder, links followed. Skips caches and hidden folders: Python imports nothing there."""
    if path in seen:
        return
    seen[path] = not path.is_dir()
    for entry in sorted(path.iterdir()) if path.is_dir() else ():
        if entry.suffix == ".py" or (entry.is_dir() and entry.name[0] != "." and entry.name != "__pycache__"):
            _find(entry.resolve(), seen)
