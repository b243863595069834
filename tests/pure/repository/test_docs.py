"""The documentation names files, targets and formats that exist."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from interlock.domain.key_format import KEY_PATTERN

ROOT = Path(__file__).resolve().parents[3]
TARGETS = set(re.findall(r"^([a-z-]+):(?!=)", (ROOT / "Makefile").read_text(), re.MULTILINE))
PAGES = sorted(
    [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), ROOT / "events/README.md", ROOT / "tests/images/README.md"]
)
RECORDS = sorted(ROOT.glob("docs/decisions/0*.md"))
TEMPLATES = [*sorted(ROOT.glob(".github/ISSUE_TEMPLATE/*.yml")), ROOT / ".github/dependabot.yml"]

_LINK = re.compile(r"\]\((?!https?://|\.\./blob/)([^)\s]+)\)")
_PATH = re.compile(
    r"`((?:\.ci|\.github|devkit|docs|events|examples|functions|layers|requirements|scripts|tests|tools)/(?!(?:call|list)`)[\w./*-]+)`"
)
_TARGET = re.compile(r"\bmake ([a-z][a-z-]+)\b")


def name_of(file: Path) -> str:
    return str(file.relative_to(ROOT))


def code_of(text: str) -> str:
    """Return the inline code and code blocks of a page, without its prose."""
    return "\n".join(re.findall(r"```.*?```|`[^`\n]+`", text, re.DOTALL))


def anchors(text: str) -> set[str]:
    """Return the anchors that GitHub generates for the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\s-]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


def broken_links(page: Path) -> list[str]:
    broken = []
    for link in _LINK.findall(page.read_text()):
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        if not target.exists() or (anchor and anchor not in anchors(target.read_text())):
            broken.append(link)
    return broken


def missing_names(text: str) -> list[str]:
    """Return the paths and make targets in a text that do not exist."""
    paths = [path for path in _PATH.findall(text) if not any(ROOT.glob(path.rstrip("/")))]
    targets = [f"make {target}" for target in _TARGET.findall(code_of(text)) if target not in TARGETS]
    return paths + targets


def test_pattern_for_secret_scanners_is_documented() -> None:
    assert f"\n{KEY_PATTERN}\n" in (ROOT / "docs/access.md").read_text()


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_link_targets_exist(page: Path) -> None:
    assert broken_links(page) == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_named_paths_and_targets_exist(page: Path) -> None:
    assert missing_names(page.read_text()) == []


def test_missing_links_paths_and_targets_are_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# One two\n[a](gone.md) [b](#one-two) [c](#three)\n`scripts/gone.py` `make gone`")
    assert broken_links(page) == ["gone.md", "#three"]
    assert missing_names(page.read_text()) == ["scripts/gone.py", "make gone"]


@pytest.mark.parametrize("record", RECORDS, ids=name_of)
def test_decision_record_has_its_sections_and_is_listed(record: Path) -> None:
    text = record.read_text()
    assert re.match(r"# \d+\. .+\n\nDate: 20\d\d-\d\d-\d\d\. Status: \w+\.\n", text)
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == ["Context", "Decision", "Consequences"]
    assert f"]({record.name})" in (record.parent / "README.md").read_text()


def test_each_term_of_the_glossary_is_defined_once() -> None:
    rows = re.findall(r"^\| (\*\*.+?\*\*) \|", (ROOT / "docs/glossary.md").read_text(), re.MULTILINE)
    terms = [term for row in rows for term in re.findall(r"\*\*(.+?)\*\*", row)]
    assert len(terms) > 40
    assert sorted({term for term in terms if terms.count(term) > 1}) == []


@pytest.mark.parametrize("file", TEMPLATES, ids=name_of)
def test_templates_of_the_repository_are_valid_yaml(file: Path) -> None:
    loaded: dict[str, Any] = yaml.safe_load(file.read_text())
    assert loaded


def test_dependabot_watches_every_folder_with_lock_files() -> None:
    loaded = yaml.safe_load((ROOT / ".github/dependabot.yml").read_text())
    watched = {folder for update in loaded["updates"] for folder in update.get("directories", [])}
    assert watched == {f"/{name_of(lock.parent)}" for lock in (ROOT / "requirements").rglob("*.txt")}
