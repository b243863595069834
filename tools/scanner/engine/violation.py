"""What a rule is: a class with a code, a reason, a check, and samples of what it refuses and what it lets pass."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from textwrap import dedent
from typing import ClassVar

from tools.scanner.engine.tree import Located, SyntaxTree

RUNTIME = "layers/runtime/interlock"
"""Where the framework lies, from the repository's root."""

ADAPTERS = ("interlock", "adapters")
"""The folder of what talks to AWS, by the end of its path."""

METRICS = "update_execution_metrics"
"""The function that counts a run: the one in which a failure may end in the log."""

BAD = "# bad"
"""Marks the lines of a failing sample of several lines that the rule must report."""


@dataclass(frozen=True, slots=True, order=True)
class Violation:
    """A place that breaks a rule. `line` and `column` count from 1, the column in characters."""

    path: str
    line: int
    column: int
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Sample:
    """A short source for one rule, as if it stood in the file `path`."""

    source: str
    path: str

    def bad_lines(self) -> set[int]:
        """The lines that a failing sample expects reported: the marked ones, or else its last."""
        lines = self.source.splitlines()
        return {number for number, line in enumerate(lines, 1) if line.endswith(BAD)} or {len(lines)}


def samples(text: str, path: str = f"{RUNTIME}/example.py") -> tuple[Sample, ...]:
    """Samples written one below the other, `---` between them."""
    return tuple(Sample(dedent(part).strip(), path) for part in dedent(text).split("\n---\n"))


class Rule(ABC):
    """A rule of governed execution. A broken rule is a value, a `Violation`; only misuse raises."""

    code: ClassVar[str]
    title: ClassVar[str]
    rationale: ClassVar[str]
    failing: ClassVar[tuple[Sample, ...]]
    passing: ClassVar[tuple[Sample, ...]]

    @abstractmethod
    def check(self, tree: SyntaxTree, path: PurePosixPath) -> Iterator[Violation]:
        """The violations of one file; `path` is relative to the repository's root."""

    def check_project(
        self,
        paths: Sequence[PurePosixPath],  # noqa: ARG002 - for those who need it
        *,
        whole: bool,  # noqa: ARG002
    ) -> Iterator[Violation]:
        """The violations that only the list of files shows; `whole` if these are all files of the project."""
        yield from ()

    def violation(self, tree: SyntaxTree, path: PurePosixPath, node: Located, message: str) -> Violation:
        """A violation of this rule where `node` begins."""
        return Violation(str(path), node.lineno, tree.column(node), self.code, message)


def within(path: PurePosixPath, *parts: str) -> bool:
    """Whether `parts` stand in `path` one after the other: `within(path, "interlock", "adapters")`."""
    found = path.parts
    return any(found[start : start + len(parts)] == parts for start in range(len(found)))
