"""Build a tool's input from `name=value` arguments, typed by the tool's schema."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from interlock_dev.commands.remote.profiles import did_you_mean
from interlock_dev.commands.remote.schemas import Node, node
from interlock_dev.project.errors import UsageError


class _Problem(Exception):
    """A problem with one argument."""


def read_input(
    tool: str,
    schema: Mapping[str, Any],
    arguments: Sequence[str],
    document: str | None,
    *,
    partial: bool = False,
) -> dict[str, Any]:
    """Return the input: the JSON document, if any, with the arguments in their places.

    With `partial`, required fields may be missing, for example in the changes for a rerun. Raise `UsageError` that
    names every problem.
    """
    return with_arguments(tool, schema, {} if document is None else _document(document), arguments, partial=partial)


def with_arguments(
    tool: str, schema: Mapping[str, Any], found: dict[str, Any], arguments: Sequence[str], *, partial: bool = False
) -> dict[str, Any]:
    """Put the arguments into an input, and return it. `partial` and errors are those of `read_input`."""
    root = node(schema)
    problems: list[str] = []
    given: set[str] = set()
    for argument in arguments:
        name, equals, text = argument.partition("=")
        if not (name and equals):
            problems.append(f"{argument!r} is not of the form name=value")
            continue
        try:
            _assign(root, found, name, text, again=name in given)
        except _Problem as problem:
            problems.append(str(problem))
        given.add(name)
    problems += _unknown(root, found)
    if not partial:
        problems += _missing(root, found, "")
    if problems:
        raise UsageError(f"{tool}: {'; '.join(problems)}. See `interlock plugin {tool.partition('.')[0]}`")
    return found


def _document(text: str) -> dict[str, Any]:
    content = _content(text[1:]) if text.startswith("@") else text.encode()
    try:
        found = json.loads(content, parse_constant=_refuse_constant)
    except ValueError as error:
        raise UsageError(f"--json is not JSON: {error}") from None
    if not isinstance(found, dict):
        raise UsageError("--json must be a JSON object")
    return found


def _content(name: str) -> bytes:
    """Read a file, or standard input."""
    try:
        return sys.stdin.buffer.read() if name == "-" else Path(name).expanduser().read_bytes()
    except OSError as error:
        raise UsageError(f"{name} cannot be read ({error.strerror})") from None


def _assign(root: Node, document: dict[str, Any], name: str, text: str, *, again: bool) -> None:
    """Put a value in its place. `a.b` is the field `b` of the field `a`, unless there is a field of that name."""
    field, inside, words = root, document, [name]
    if name not in root.properties:
        words = name.split(".")
    for depth, word in enumerate(words):
        following = field.properties.get(word) or field.other_properties
        if following is None:
            raise _Problem(_unknown_name(".".join(words[: depth + 1]), word, field))
        field = following
        if depth < len(words) - 1:
            inner = inside.setdefault(word, {})
            if not isinstance(inner, dict):
                raise _Problem(f"{'.'.join(words[: depth + 1])} is not an object")
            inside = inner
    if again and field.items is None:
        raise _Problem(f"{name} is given twice")
    value = _value(field, name, text)
    if field.items is not None and again:
        inside[words[-1]] = [*inside[words[-1]], *(value if isinstance(value, list) else [value])]
    else:
        inside[words[-1]] = value


def _value(field: Node, name: str, text: str) -> Any:
    """Return the value of a field. `@FILE` is replaced by the content of a file, `@@` by a literal `@`."""
    if text.startswith("@@"):
        return _typed(field, name, text[1:])
    if not text.startswith("@"):
        return _typed(field, name, text)
    if field.is_file or field.unknown:
        return _file(text[1:])
    if field.items is not None and field.items.is_file:
        return [_file(text[1:])]
    return _typed(field, name, _content(text[1:]).decode("utf-8", "replace"))


def _file(name: str) -> Path | bytes:
    path = Path(name).expanduser()
    if name == "-" or not path.is_file():
        return _content(name)  # which reports a file that is missing
    return path


def _typed(field: Node, name: str, text: str) -> Any:
    """Return the text as the first of the field's types that it fits."""
    types = field.types
    if "null" in types and text == "null":
        return None
    if field.choices:
        return _choice(field, name, text)
    if not types:
        return _any(text)
    for kind in ("boolean", "integer", "number", "array", "object", "string"):
        if kind in types:
            found, value = _as(kind, text)
            if found:
                return value
    if field.items is not None:
        return [_typed(field.items, name, text)]
    raise _Problem(f"{name} must be {field.described()}, not {text[:40]!r}")


def _as(kind: str, text: str) -> tuple[bool, Any]:
    """Return whether a text is a value of a JSON type, and the value."""
    if kind == "string":
        return True, text
    if kind == "integer" and not re.fullmatch(r"-?[0-9]+", text):
        return False, None
    python = {"boolean": bool, "integer": int, "number": (int, float), "array": list, "object": dict}[kind]
    value = _any(text)
    fits = isinstance(value, python) and isinstance(value, bool) == (kind == "boolean")  # type: ignore[arg-type]
    return fits, value


def _any(text: str) -> Any:
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except ValueError:
        return text


def _refuse_constant(name: str) -> None:
    raise ValueError(name)  # NaN and Infinity are not JSON


def _choice(field: Node, name: str, text: str) -> Any:
    for choice in field.choices:
        if text == (choice if isinstance(choice, str) else json.dumps(choice)):
            return choice
    listed = ", ".join(map(str, field.choices))
    raise _Problem(f"{name} must be one of {listed}, not {text[:40]!r}{did_you_mean(text, field.choices)}")


def _unknown_name(path: str, word: str, field: Node) -> str:
    known = field.properties
    fields = f" (it has: {', '.join(known)})" if known else ""
    return f"there is no field {path!r}{did_you_mean(word, known)}{fields}"


def _unknown(root: Node, document: Mapping[str, Any]) -> Iterator[str]:
    """Yield problems for fields of the document that the tool does not declare."""
    if root.other_properties is None:
        yield from (_unknown_name(name, name, root) for name in document if name not in root.properties)


def _missing(field: Node, document: Mapping[str, Any], prefix: str) -> Iterator[str]:
    required = field.required
    for name, inner in field.properties.items():
        if name in required and name not in document:
            yield f"{prefix}{name} is missing: add {prefix}{name}={placeholder(inner)}"
        elif isinstance(document.get(name), dict):
            yield from _missing(inner, document[name], f"{prefix}{name}.")


def placeholder(field: Node) -> str:
    """Return what a value of a field looks like, such as `@FILE` or `NUMBER`."""
    if field.is_file or (field.items is not None and field.items.is_file):
        return "@FILE"
    if field.choices:
        return "|".join(map(str, field.choices))
    words = {"integer": "NUMBER", "number": "NUMBER", "boolean": "true|false", "array": "JSON", "object": "JSON"}
    return next((words[kind] for kind in words if kind in field.types), "TEXT")
