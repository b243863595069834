"""From paths to a report: finds the files, reads each once, and has every rule look at it."""

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath

from tools.scanner.engine import waivers
from tools.scanner.engine.tree import SyntaxTree
from tools.scanner.engine.violation import Rule, Violation
from tools.scanner.engine.waivers import Waived

ROOTS = ("functions", "layers", "devkit")
"""What is scanned by default: all that is deployed, and what stands in for it locally."""

PARALLEL_FROM = 400
"""Fewer files are sooner scanned than processes started."""

Scanned = tuple[list[Violation], list[Waived]]

SYNTAX_CODE = "ILK000"
SYNTAX_TITLE = "A file can be parsed"


class Misuse(Exception):
    """The scanner was called with what it cannot scan."""


@dataclass(frozen=True, slots=True)
class Report:
    """What a scan found."""

    violations: tuple[Violation, ...]
    waived: tuple[Waived, ...]
    files: int
    rules: tuple[Rule, ...]

    @property
    def summary(self) -> str:
        return (
            f"{_count(len(self.violations), 'violation')} in {_count(self.files, 'file')}"
            f" ({_count(len(self.rules), 'rule')}, {_count(len(self.waived), 'waiver')})"
        )


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def scan(paths: Sequence[Path], rules: Sequence[Rule], root: Path) -> Report:
    """Scans files and folders, the default roots if none is given. Raises `Misuse` on a path that is not there or
    cannot be read. Violations come in the order of path and line."""
    found: list[Violation] = []
    waived: list[Waived] = []
    files = list(find_files(paths or [root / name for name in ROOTS]))
    names = [relative(file, root) for file in files]
    for left, let_pass in _each(partial(_scan_file, rules=rules), files, names):
        found += left
        waived += let_pass
    for rule in rules:
        found += rule.check_project(names, whole=not paths)
    return Report(tuple(sorted(set(found))), tuple(waived), len(names), tuple(rules))


def _each(
    look: Callable[[Path, PurePosixPath], Scanned], files: Sequence[Path], names: Sequence[PurePosixPath]
) -> Iterator[Scanned]:
    """Each file, by as many processes as there are processors where it pays to start them."""
    if len(files) < PARALLEL_FROM:
        yield from map(look, files, names)
        return
    from concurrent.futures import ProcessPoolExecutor  # noqa: PLC0415 - a tenth of the time of a small tree

    with ProcessPoolExecutor() as pool:
        yield from pool.map(look, files, names, chunksize=32)


def _scan_file(file: Path, name: PurePosixPath, rules: Sequence[Rule]) -> Scanned:
    return scan_source(_read(file), name, rules)


def scan_source(source: bytes, path: PurePosixPath, rules: Sequence[Rule]) -> Scanned:
    """The violations of one file's content, and those of them that are waived."""
    try:
        tree = SyntaxTree.parse(source)
        violations = [violation for rule in rules for violation in rule.check(tree, path)]
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return [_unparsable(path, error)], []
    return waivers.apply(str(path), violations, list(waivers.waivers_in(tree.text)))


def _unparsable(path: PurePosixPath, error: Exception) -> Violation:
    line = getattr(error, "lineno", None) or 1
    column = getattr(error, "offset", None) or 1
    python = f"Python {sys.version_info.major}.{sys.version_info.minor}"
    message = f"cannot be parsed by {python}: {getattr(error, 'msg', error)}"
    return Violation(str(path), line, max(column, 1), SYNTAX_CODE, message)


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise Misuse(f"{file}: cannot be read: {error.strerror}") from error


def find_files(paths: Iterable[Path]) -> Iterator[Path]:
    """The Python files in folders, and files named themselves, each once and in order. Raises `Misuse`."""
    seen: set[Path] = set()
    for path in paths:
        if not path.exists():
            raise Misuse(f"{path}: there is no such file or folder")
        yield from _python_files(path.resolve(), seen)


def _python_files(path: Path, seen: set[Path]) -> Iterator[Path]:
    """What is in a folder, links followed. Only caches and hidden folders are left out: nothing is imported there."""
    if path in seen:
        return
    seen.add(path)
    if not path.is_dir():
        yield path
        return
    try:
        entries = sorted(path.iterdir())
    except OSError as error:
        raise Misuse(f"{path}: cannot be read: {error.strerror}") from error
    for entry in entries:
        if entry.suffix == ".py" or (entry.is_dir() and entry.name[0] != "." and entry.name != "__pycache__"):
            yield from _python_files(entry.resolve(), seen)


def relative(file: Path, root: Path) -> PurePosixPath:
    """A file's path as it is reported: from the root if it lies there, else whole."""
    return PurePosixPath((file.relative_to(root) if file.is_relative_to(root) else file).as_posix())
