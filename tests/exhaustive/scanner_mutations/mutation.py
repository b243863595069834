"""A mutation of a real source: one text in a class or function is replaced.

A mutation works on the normal form of a class or function (`ast.unparse`), so that comments and line breaks do not
matter. If its pattern does not match exactly once, the test fails, because it would prove nothing.
"""

import ast
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
INTERLOCK = "layers/runtime/interlock"
RUNNER = f"{INTERLOCK}/tools/tool_runner.py"
MESSAGES = f"{INTERLOCK}/tools/messages.py"
WORKER_PLUGIN = f"{INTERLOCK}/tools/worker_plugin.py"
SERVICE = f"{INTERLOCK}/jobs/service.py"
JOBS = f"{INTERLOCK}/jobs/runner.py"
LEASE = f"{INTERLOCK}/jobs/lease.py"
LIFECYCLE = f"{INTERLOCK}/domain/lifecycle.py"
HANDLERS = tuple(sorted(str(file.relative_to(ROOT)) for file in ROOT.glob("functions/*/handler.py")))

RUN = "ToolRunner.run"

# Anchors, in a function's normal form.
START = r"\A(def .*:)$"
END = r"\Z"
TRYING = r"^    try:$"
UPDATING = r"^ {8}(self\.update_execution_metrics\(.*\))$"
RECORDING = r"^ {8}(self\._registry\.record\(.*\))$"
SETTLING = r"self\._store\.settle\(.*\)"

Scope = ast.Module | ast.ClassDef | ast.FunctionDef
Replacement = str | Callable[[re.Match[str]], str]


@dataclass(frozen=True, slots=True)
class Mutation:
    """Replace the only match of `pattern` in the class or function `scope` of `file` (empty: the module).

    The replacement breaks the rule `code`; an empty code means that it is harmless."""

    file: str
    scope: str
    pattern: str
    replacement: Replacement
    code: str = ""

    def apply(self) -> str:
        """Return the mutated source. Fail the test if the scope does not exist or does not match exactly once."""
        module = ast.parse((ROOT / self.file).read_text(encoding="utf-8"))
        scope = find(module, self.scope)
        if scope is None:
            pytest.fail(f"{self.file} has no {self.scope}: bring this mutation up to date")
        before = ast.unparse(scope)
        after, count = re.subn(self.pattern, self.replacement, before, flags=re.MULTILINE)
        if count != 1 or after == before:
            pytest.fail(f"{self.pattern!r} matches {count} times in {self.file} {self.scope}: bring it up to date")
        if isinstance(scope, ast.Module):
            return after
        replace(module, scope, ast.parse(after).body)
        return ast.unparse(module)


def find(module: ast.Module, dotted: str) -> Scope | None:
    """Return the class or function with a dotted name."""
    found: Scope | None = module
    for name in dotted.split(".") if dotted else ():
        inside = found.body if found else []
        definitions = (node for node in inside if isinstance(node, ast.ClassDef | ast.FunctionDef))
        found = next((node for node in definitions if node.name == name), None)
    return found


def replace(module: ast.Module, old: ast.stmt, new: list[ast.stmt]) -> None:
    for node in ast.walk(module):
        body = getattr(node, "body", None)
        if isinstance(body, list) and old in body:
            place = body.index(old)
            body[place : place + 1] = new


Edits = Mapping[str, tuple[str, Replacement]]


def within(file: str, scope: str, code: str, edits: Edits) -> dict[str, Mutation]:
    """Return mutations of one scope, by name. All break the same rule, or none does."""
    return {name: Mutation(file, scope, pattern, replacement, code) for name, (pattern, replacement) in edits.items()}
