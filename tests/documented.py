"""Code blocks of the documentation, which tests run as printed."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]


def code_block(page: str, language: str, first: str) -> str:
    """Return the only code block of a language on a page whose first line contains these words."""
    blocks = re.findall(rf"^```{language}\n(.*?)^```$", (ROOT / page).read_text(), re.MULTILINE | re.DOTALL)
    [found] = [text for text in blocks if first in text.partition("\n")[0]]
    return str(found)
