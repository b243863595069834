"""No file and no function is too long to be read at once."""

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.pure.repository.template import ROOT

FOLDERS = ("bench", "client", "devkit", "functions", "layers", "scripts", "tools")


def sources(*folders: str) -> Iterator[Path]:
    for folder in folders:
        yield from (ROOT / folder).rglob("*.py")


def test_files_have_at_most_300_lines() -> None:
    sizes = {str(file.relative_to(ROOT)): len(file.read_text().splitlines()) for file in sources(*FOLDERS, "tests")}
    assert len(sizes) > 900
    assert {path for path, lines in sizes.items() if lines > 300} == set()


def test_functions_have_at_most_40_lines() -> None:
    long = [
        f"{file.relative_to(ROOT)}:{node.lineno} {node.name}"
        for file in sources(*FOLDERS)
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and (node.end_lineno or 0) - node.lineno >= 40
    ]
    assert long == []
