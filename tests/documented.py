"""Code blocks of the documentation, which tests run as printed."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]


def code_blocks(page: str, language: str) -> list[str]:
    """Return the code blocks of a language on a page."""
    return re.findall(rf"^```{language}\n(.*?)^```$", (ROOT / page).read_text(), re.MULTILINE | re.DOTALL)


def code_block(page: str, language: str, first: str) -> str:
    """Return the only code block of a language whose first line is `first`, or contains it if none is equal."""
    by_line = [(text.partition("\n")[0], text) for text in code_blocks(page, language)]
    [found] = [text for line, text in by_line if line == first] or [text for line, text in by_line if first in line]
    return found
