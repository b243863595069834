"""What the documents show is what the code does."""

from pathlib import Path

from interlock.domain.key_format import KEY_PATTERN

DOCS = Path(__file__).parents[2] / "docs"


def test_the_pattern_for_secret_scanners_is_that_of_the_keys() -> None:
    assert f"\n{KEY_PATTERN}\n" in (DOCS / "access.md").read_text()
