"""Copy the Markdown pages of the repository into one folder, with links that work there."""

import os
import re
import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NAMES = {"README.md": "index.md", "SECURITY.md": "security.md"}
"""Paths in the site of pages outside of `docs`. Other pages in the root folder get their name in lower case."""

_LINK = re.compile(r"(!?)\[([^\]]*)\]\((?!https?://)([^)\s#]*)(#[^)\s]*)?\)")
_CODE = re.compile(r"(```.*?```|`[^`\n]+`)", re.DOTALL)


def pages() -> dict[Path, str]:
    """Return the paths in the site by file."""
    outside = {file: NAMES.get(file.name, file.name.lower()) for file in ROOT.glob("*.md")}
    return outside | {file: str(file.relative_to(ROOT / "docs")) for file in ROOT.glob("docs/**/*.md")}


def copy_pages(target: Path) -> None:
    """Copy all pages, and the images that they show."""
    known = pages()
    for file, name in known.items():
        written = target / name
        written.parent.mkdir(parents=True, exist_ok=True)
        written.write_text(_with_links(file, name, known, target))


def _with_links(file: Path, name: str, known: dict[Path, str], target: Path) -> str:
    """Return the text of a page. A link to a file outside the site becomes plain text."""

    def replaced(match: re.Match[str]) -> str:
        image, text, path, anchor = match[1], match[2], match[3], match[4] or ""
        if not path:
            return match[0]
        linked = (file.parent / path).resolve()
        if image:
            place = f"images/{linked.name}"
            (target / "images").mkdir(parents=True, exist_ok=True)
            shutil.copy(linked, target / place)
        elif linked in known:
            place = known[linked]
        else:
            return text
        return f"{image}[{text}]({os.path.relpath(place, Path(name).parent)}{anchor})"

    parts = _CODE.split(file.read_text())
    return "".join(part if part.startswith("`") else _LINK.sub(replaced, part) for part in parts)
