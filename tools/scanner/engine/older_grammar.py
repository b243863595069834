"""Type parameters (PEP 695) taken out of a source, for an interpreter that is older than they are.

`def first[T](items: list[T]) -> T` becomes `def first   (items: list[T]) -> T`, and `type Item = dict[str, Any]`
becomes `Item      = dict[str, Any]`: nothing that a rule looks at is lost, and every line stays where it is.
"""

import io
import sys
import tokenize
from collections.abc import Sequence
from tokenize import TokenInfo

KNOWS_TYPE_PARAMETERS = sys.version_info >= (3, 12)

_BEFORE_A_STATEMENT = frozenset(
    {tokenize.ENCODING, tokenize.NEWLINE, tokenize.NL, tokenize.INDENT, tokenize.DEDENT, tokenize.COMMENT}
)


def without_type_parameters(source: bytes) -> bytes:
    """The source with its type parameters blanked out; as it is where it cannot be read as tokens."""
    try:
        tokens = list(tokenize.tokenize(io.BytesIO(source).readline))
    except (tokenize.TokenError, SyntaxError):
        return source
    lines = [list(line) for line in source.decode(tokens[0].string, "replace").split("\n")]
    for position, token in enumerate(tokens[:-2]):
        before, name, after = tokens[position - 1], tokens[position + 1], tokens[position + 2]
        if name.type != tokenize.NAME or token.type != tokenize.NAME:
            continue
        if token.string in ("def", "class") and after.string == "[":
            _blank_brackets(lines, tokens[position + 2 :])
        elif token.string == "type" and before.type in _BEFORE_A_STATEMENT and after.string in ("=", "["):
            if after.string == "[":
                _blank_brackets(lines, tokens[position + 2 :])
            (row, start), end = token.start, name.end[1]
            lines[row - 1][start:end] = name.string.ljust(end - start)
    return "\n".join(map("".join, lines)).encode(tokens[0].string)


def _blank_brackets(lines: list[list[str]], tokens: Sequence[TokenInfo]) -> None:
    """Puts blanks over what is in the brackets that the first token opens, them included; where a line ends within
    them, it goes on by a backslash."""
    depth = 0
    for token in tokens:
        depth += (token.string == "[") - (token.string == "]")
        line, start, end = lines[token.start[0] - 1], token.start[1], token.end[1]
        if token.type == tokenize.NL:
            line[max(start - 1, 0) : start] = "\\"
        else:
            line[start:end] = " " * (end - start)
        if depth == 0:
            return
