"""The items of a batch: JSON Lines in the object store, one item a line."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct

from interlock.domain.batch import MAX_ITEMS, Batch
from interlock.domain.errors import InvalidRequest, NotFound
from interlock.domain.json_text import as_text
from interlock.domain.problems import MAX_PROBLEMS, Problem, first_of
from interlock.domain.strict_json import InvalidJson, parse_json
from interlock.plugins.validation import SchemaValidator
from interlock.ports import ObjectStore

ITEM_SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["input"],
    "properties": {
        "input": {
            "type": "object",
            "additionalProperties": True,
            "description": "The tool's input, as its input_schema requires. An item whose input does not fit becomes a "
            "failed job and does not fail the others.",
        },
        "key": {
            "anyOf": [{"type": "string", "minLength": 1, "maxLength": 255}, {"type": "null"}],
            "default": None,
            "description": "Name of the item for its caller, which its job and its line of the results show.",
            "examples": ["page-17"],
        },
    },
}

_validator = SchemaValidator()


class Item(Struct, frozen=True):
    """One item: the input of its job, and the caller's name for it."""

    input: Mapping[str, Any]
    key: str | None


class BatchItems:
    """Writes and reads the items of batches."""

    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects

    def write(self, key: str, items: Iterable[Mapping[str, Any]]) -> None:
        """Store items as an object, replacing an object with the same key."""
        self._objects.put(key, "\n".join(map(as_text, items)))

    def read(self, batch: Batch, most: int = MAX_ITEMS) -> Sequence[Item]:
        """Return the items of a batch. Raise `InvalidRequest` if there are more than `most` items or none, or if items
        are not valid: the error names their lines and fields."""
        try:
            text = self._objects.get(batch.items_key)
        except NotFound:
            raise InvalidRequest("The items of the batch have expired. Upload them again.") from None
        except UnicodeDecodeError:
            raise InvalidRequest(
                "The items of the batch are not UTF-8 text. Send JSON Lines, one item a line."
            ) from None
        lines = [(number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
        if not 0 < len(lines) <= most:
            raise InvalidRequest(f"The upload has {len(lines):,} items. A batch has 1 to {most:,}, one a line.")
        items, problems = [], list[Problem]()
        for index, (number, line) in enumerate(lines):
            document, found = parse_item(line)
            problems += [_of_line(one, index, number) for one in found]
            if len(problems) >= MAX_PROBLEMS:
                break
            if not found:
                items.append(Item(document["input"], document.get("key")))
        if problems:
            message = f"The items of the batch are not valid: {first_of(problems, ': ')}."
            raise InvalidRequest(message, errors=problems[:MAX_PROBLEMS])
        return items


def parse_item(line: str) -> tuple[Any, Sequence[Problem]]:
    """Return the item of a line, and its problems."""
    try:
        document = parse_json(line)
    except InvalidJson as error:
        return None, [{"path": "", "message": f"is not JSON: {error}"}]
    return document, _validator.problems("item", ITEM_SCHEMA, document)


def _of_line(problem: Problem, index: int, number: int) -> Problem:
    return {"path": f"/items/{index}{problem['path']}", "message": f"line {number} {problem['message']}"}


def in_chunks[T](values: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Yield a sequence in parts of this size."""
    for first in range(0, len(values), size):
        yield values[first : first + size]
