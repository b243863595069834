"""Measure how much of the project's prose breaks the rules for plain English: `python tools/prose_check.py [--list]`.

Docstrings, comments and Markdown paragraphs must not open with a pronoun or a free relative ("What is none of ours",
"So a worker"), and must not use a few words that hide the technical term ("the table says"). Names of tests must stand
alone in a list of failures. At most 2 % of each kind in each top-level folder may break a rule; the exit code is 1
otherwise. Text in backticks or double quotes is not prose.
"""

import argparse
import ast
import re
import subprocess
import sys
import tokenize
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
LIMIT = 0.02
HASH_COMMENTS = {".yaml", ".yml", ".toml", ".mk", ".in", ""}  # suffixes of files with comments on lines of their own

_OPENING = re.compile(r"(What|Who|Whoever|Whose|So|Of|That|Nobody|None|Nothing),? (?!following\b)[a-z]")
_WORDS = re.compile(
    r"\b(stands|lies|told|says|hears|comes to|of its own|in the place of|(?:is|are) given back)\b", re.IGNORECASE
)
_LITERAL = re.compile(r"stands alone|comes to an end|of its own accord")
"""Literal uses of the words above, which are permitted."""

_TEST_NAME = re.compile(
    r"test_(so|nor|and|what|who|whoever|whose|nobody|none|neither|that|of|it|its|they|them|this|elsewhere)_"
)
_QUOTED = re.compile(r"``.+?``|`[^`]+`|\"[^\"]+\"|“[^”]+”", re.DOTALL)


class Text(NamedTuple):
    """A piece of prose, with the file and line where it begins."""

    kind: str
    path: str
    line: int
    text: str

    @property
    def odd(self) -> bool:
        """Whether the text breaks a rule."""
        if self.kind == "test name":
            return bool(_TEST_NAME.match(self.text))
        prose = _LITERAL.sub("", _QUOTED.sub("`code`", self.text))
        return bool(_OPENING.match(prose.lstrip("*->| ")) or _WORDS.search(prose))


def python_texts(path: str, source: str) -> Iterator[Text]:
    """Yield the docstrings (of attributes as well), comments and test names of a Python file."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Expr(value=ast.Constant(value=str(text))):
                yield Text("docstring", path, node.lineno, text.strip())
            case ast.FunctionDef(name=name) if name.startswith("test_"):
                yield Text("test name", path, node.lineno, name)
    tokens = tokenize.generate_tokens(iter(source.splitlines(keepends=True)).__next__)
    comments = [(token.start[0], token.string) for token in tokens if token.type == tokenize.COMMENT]
    yield from comment_blocks(path, comments)


def comment_blocks(path: str, comments: Sequence[tuple[int, str]]) -> Iterator[Text]:
    """Yield comments on consecutive lines as one text each; comments for tools (`noqa`, `type:`) are left out."""
    numbered = [(line, text.strip("# -")) for line, text in comments]
    prose = [item for item in numbered if not re.match(r"(noqa|type:|fmt:|pragma|interlock:|!|$)", item[1])]
    for _, block in groupby(enumerate(prose), key=lambda item: item[1][0] - item[0]):
        lines = [item for _, item in block]
        yield Text("comment", path, lines[0][0], " ".join(text for _, text in lines))


def markdown_texts(path: str, source: str) -> Iterator[Text]:
    """Yield the paragraphs, list items and table rows of a Markdown file, without its code blocks."""
    prose = re.sub(r"^```.*?^```$", lambda block: "\n" * block.group().count("\n"), source, flags=re.DOTALL | re.M)
    for match in re.finditer(r"\S.*?(?=\n\s*\n|\n\s*(?:[-|]|\d+\.) |\s*\Z)", prose, re.DOTALL):
        yield Text("paragraph", path, prose.count("\n", 0, match.start()) + 1, " ".join(match.group().split()))


def texts_of(path: str, source: str) -> Iterator[Text]:
    """Yield all prose of a file."""
    suffix = Path(path).suffix
    if suffix == ".py":
        yield from python_texts(path, source)
    elif suffix == ".md":
        yield from markdown_texts(path, source)
    elif suffix in HASH_COMMENTS:
        lines = enumerate(source.splitlines(), 1)
        yield from comment_blocks(path, [(number, line.strip()) for number, line in lines if re.match(r"\s*# ", line)])


def tracked() -> Iterator[Text]:
    """Yield the prose of every file that git tracks, except the license."""
    for name in subprocess.check_output(["git", "ls-files"], cwd=ROOT, text=True).splitlines():
        if name != "LICENSE" and Path(name).suffix in {".py", ".md", *HASH_COMMENTS} and (ROOT / name).is_file():
            yield from texts_of(name, (ROOT / name).read_text())


def main(texts: Iterator[Text], *, show: bool) -> int:
    """Print count, findings and share for each kind and folder; return 1 if a share is above the limit."""
    cells: dict[tuple[str, str], list[Text]] = defaultdict(list)
    for text in texts:
        cells[text.kind, Path(text.path).parts[0] if "/" in text.path else "."].append(text)
    above = 0
    for (kind, folder), members in sorted(cells.items()):
        odd = [text for text in members if text.odd]
        above += len(odd) > LIMIT * len(members)
        print(f"{kind:10} {folder:12} {len(odd):4} of {len(members):5} {len(odd) / len(members):7.1%}")
        if show:
            print("".join(f"    {text.path}:{text.line}: {text.text[:100]!r}\n" for text in odd), end="")
    return 1 if above else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Measure how much prose breaks the rules for plain English.")
    parser.add_argument("--list", action="store_true", help="print every finding")
    sys.exit(main(tracked(), show=parser.parse_args().list))
