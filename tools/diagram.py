"""Draw the packages and their imports into docs/architecture.md: `python -m tools.diagram`.

Between `<!-- floors: PACKAGE -->` and `<!-- end -->` the page gets a Mermaid diagram and a table of the package's
parts, read from the real imports. A part is a subpackage or module directly below the package. Its floor is one above
the highest part that it imports, so a cycle between parts is an error.
"""

import re
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import grimp

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "architecture.md"

type Imports = Mapping[str, frozenset[str]]
"""The parts that each part imports."""

_SECTION = re.compile(r"(<!-- floors: ([\w.]+) -->\n).*?(<!-- end -->)", re.DOTALL)


@cache
def _graph(root: str) -> grimp.ImportGraph:
    return grimp.build_graph(root, cache_dir=None)


def imports_of(package: str) -> Imports:
    """Return the imports between the parts of a package. Raise `graphlib.CycleError` when parts import each other."""
    graph = _graph(package.partition(".")[0])
    depth = package.count(".") + 2
    found: dict[str, set[str]] = {}
    for module in sorted(graph.find_descendants(package)):
        part = ".".join(module.split(".")[:depth])
        below = {".".join(name.split(".")[:depth]) for name in graph.find_modules_directly_imported_by(module)}
        found.setdefault(part, set()).update(name for name in below - {part} if name.startswith(f"{package}."))
    imports = {_last(part): frozenset(map(_last, below)) for part, below in found.items()}
    TopologicalSorter(imports).prepare()
    return imports


def floors(imports: Imports) -> dict[str, int]:
    """Return the floor of each part; 0 for parts that import no other."""

    @cache
    def floor(part: str) -> int:
        return max((floor(below) + 1 for below in imports[part]), default=0)

    return {part: floor(part) for part in imports}


def essential(imports: Imports) -> Iterator[tuple[str, str]]:
    """Yield the imports that do not follow from others, so that the diagram has few arrows."""

    @cache
    def reach(part: str) -> frozenset[str]:
        return imports[part].union(*map(reach, imports[part]))

    for part, below in sorted(imports.items()):
        yield from ((part, name) for name in sorted(below) if not any(name in reach(other) for other in below))


def section(package: str) -> str:
    """Return the diagram and the table of a package in Markdown."""
    imports = imports_of(package)
    height = floors(imports)
    arrows = [f"    {part} --> {below}" for part, below in essential(imports)]
    alone = [
        f"    {part}" for part in sorted(imports) if not imports[part] and not any(part in b for b in imports.values())
    ]
    rows = [
        f"| {height[part]} | `{part}` | {', '.join(f'`{name}`' for name in sorted(imports[part])) or '-'} |"
        for part in sorted(imports, key=lambda part: (-height[part], part))
    ]
    return "\n".join(
        [
            "",
            "```mermaid",
            "flowchart TD",
            *arrows,
            *alone,
            "```",
            "",
            "| floor | part | imports |",
            "|---|---|---|",
            *rows,
            "",
        ]
    )


def drawn(text: str) -> str:
    """Return the text of the page with every section redrawn."""
    return _SECTION.sub(lambda found: f"{found[1]}{section(found[2])}\n{found[3]}", text)


def _last(name: str) -> str:
    return name.rpartition(".")[2]


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    PAGE.write_text(drawn(PAGE.read_text()))
