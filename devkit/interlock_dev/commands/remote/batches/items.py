"""The items of a batch: one for each file, or for each line of a file with JSON Lines."""

from __future__ import annotations

import copy
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from interlock.domain.batch import MAX_BATCH_BYTES, MAX_ITEMS
from interlock.domain.upload_id import MAX_UPLOAD_BYTES
from interlock.jobs.batch_items import parse_item
from interlock_dev.commands.remote.inputs import read_input, with_arguments
from interlock_dev.commands.remote.schemas import Node, node
from interlock_dev.project.errors import UsageError

_LINE = 'A line is {"input": {…}, "key": "…"}'
_MAX_KEY = 255
_MAX_PROBLEMS = 5


@dataclass(frozen=True, slots=True)
class Items:
    """The inputs of a batch, and the keys that its caller gave them. A `Path` or `bytes` in an input is a file."""

    inputs: Sequence[Mapping[str, Any]]
    keys: Sequence[str | None]


def items_of_files(tool: str, schema: Mapping[str, Any], arguments: Sequence[str], field: str | None) -> Items:
    """Return an item for each argument that is a file, with the fields `name=value` that all of them have.

    `field` is the field that a file becomes; None selects the only one that fits. Raise `UsageError`.
    """
    files = [one for one in arguments if "=" not in one or Path(one).is_file()]
    problems = [*_unreadable(files), *_count_problem(len(files), ": name files, such as images/*.png")]
    if problems:
        raise UsageError(_joined(problems))
    common = read_input(tool, schema, [one for one in arguments if one not in files], None, partial=True)
    field = field or _field_of_files(tool, node(schema), common)
    inputs = []
    for file in files:
        # The path is absolute, because a file name `@…` would be read as text, and `-` as standard input.
        given = f"{field}=@{Path.cwd() / file}"
        inputs.append(with_arguments(tool, schema, copy.deepcopy(common), [given]))
    return Items(inputs, [file[-_MAX_KEY:] for file in files])


def items_of_lines(name: str) -> Items:
    """Return the items that a file with JSON Lines has, `-` for standard input. Raise `UsageError` that names the
    lines that are not valid."""
    items: list[dict[str, Any]] = []
    problems: list[str] = []
    for number, line in enumerate(_lines(name), 1):
        if line.strip():
            item, found = parse_item(line)
            items.append(item)
            problems += [f"line {number} {one['path']} {one['message']}".replace("  ", " ") for one in found]
    problems += _count_problem(len(items))
    if problems:
        raise UsageError(f"{name}: {_joined(problems)}. {_LINE}")
    return Items([one["input"] for one in items], [one.get("key") for one in items])


def _lines(name: str) -> Sequence[str]:
    try:
        content = sys.stdin.buffer.read() if name == "-" else Path(name).expanduser().read_bytes()
        if len(content) > MAX_BATCH_BYTES:
            raise UsageError(f"{name} has {len(content):,} bytes: a batch has at most {MAX_BATCH_BYTES:,}. Split it")
        return content.decode("utf-8-sig").split("\n")
    except OSError as error:
        raise UsageError(f"{name} cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise UsageError(f"{name} is not UTF-8 text: write one item a line, as JSON") from None


def _field_of_files(tool: str, root: Node, common: Mapping[str, Any]) -> str:
    """Return the field that files become: a required file field, else an optional one, else a required text field."""
    free = {name: field for name, field in root.properties.items() if name not in common}
    choices: Sequence[Callable[[str], bool]] = (
        lambda name: _holds_files(free[name]) and name in root.required,
        lambda name: _holds_files(free[name]),
        lambda name: "string" in free[name].types and name in root.required,
    )
    for fits in choices:
        found = [name for name in free if fits(name)]
        if len(found) == 1:
            return found[0]
        if found:
            raise UsageError(f"{tool} has several fields for files ({', '.join(found)}): choose one with --field")
    raise UsageError(f"{tool} has no other field for files: name one with --field, or use `interlock batch submit`")


def _holds_files(field: Node) -> bool:
    return field.is_file or (field.items is not None and field.items.is_file)


def _unreadable(files: Sequence[str]) -> Iterator[str]:
    for name in files:
        path = Path(name)
        if path.is_dir():
            yield f"{name} is a folder: name its files, such as {name.rstrip('/')}/*"
        elif not path.is_file():
            yield f"there is no file {name!r}"
        elif not os.access(path, os.R_OK):
            yield f"{name} cannot be read (permission denied)"
        elif path.stat().st_size > MAX_UPLOAD_BYTES:
            yield f"{name} has {path.stat().st_size:,} bytes: a file has at most {MAX_UPLOAD_BYTES:,}"


def _count_problem(count: int, fix: str = "") -> Iterator[str]:
    if count == 0:
        yield f"there are no items{fix}"
    elif count > MAX_ITEMS:
        yield f"there are {count:,} items: a batch has at most {MAX_ITEMS:,}"


def _joined(problems: Sequence[str]) -> str:
    more = f"; and {len(problems) - _MAX_PROBLEMS:,} more" if len(problems) > _MAX_PROBLEMS else ""
    return f"{'; '.join(problems[:_MAX_PROBLEMS])}{more}"
