"""The words by which a rule recognizes the values that it follows through a file."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple


class Value(NamedTuple):
    """A kind of value that a rule follows ("plugin"), or a collection of them."""

    what: str
    many: bool = False


Patterns = tuple[tuple[re.Pattern[str], Value], ...]
NOTHING = re.compile(r"(?!)")


def words(*patterns: tuple[str, Value]) -> Patterns:
    """Compile patterns that ignore case."""
    return tuple((re.compile(pattern, re.IGNORECASE), value) for pattern, value in patterns)


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Names, types and functions that identify the values that a rule follows.

    `names` are searched in the names of variables, parameters, classes and keys, in `owner.attribute`, and in the
    dotted origins of imports. `types` are searched in the class names of annotations. `results` are the functions that
    return such a value. An attribute, index or call whose name fits `same` has the value of its owner or argument. A
    class in `bases`, and every subclass of a value, is such a value, and so is the first parameter of its methods.
    `except … as name` binds `caught`.
    """

    names: Patterns = ()
    types: Patterns = ()
    results: Mapping[str, Value] = field(default_factory=dict)
    same: re.Pattern[str] = NOTHING
    bases: frozenset[str] = frozenset()
    caught: Value | None = None


def look_up(patterns: Patterns, name: str) -> Value | None:
    """Return the value of the first pattern that is found in a name."""
    return next((value for pattern, value in patterns if pattern.search(name)), None)
