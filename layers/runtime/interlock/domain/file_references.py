"""Find the uploads in an input, and the files in a result, by the tool's schema: other values may look the same."""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from msgspec import Struct

from interlock.domain.file_formats import FILE_FORMAT, UPLOAD_FORMAT

type Location = tuple[str | int, ...]


class FileReference(Struct, frozen=True):
    """A field of an input that is an upload.

    `file` is the name of the upload's file in the directory of the run. Fields with the same upload share one file.
    """

    location: Location
    upload_id: str
    file: str


def takes_uploads(schema: Mapping[str, Any]) -> bool:
    """Return whether the schema has a field that takes an upload."""
    return f'"format": "{UPLOAD_FORMAT}"' in json.dumps(schema)


def file_references(schema: Mapping[str, Any], value: Any) -> tuple[FileReference, ...]:
    """Return the uploads in a valid value, each location once, in the value's order.

    The keywords that pydantic writes are supported. If one of a field's alternatives is a file, a value with the fields
    of an upload is an upload.
    """
    found = dict(_Search(schema, is_upload, _upload_id).below(schema, value, (), frozenset()))
    names = {upload_id: f"upload-{number}" for number, upload_id in enumerate(dict.fromkeys(found.values()))}
    return tuple(FileReference(location, upload_id, names[upload_id]) for location, upload_id in found.items())


def file_texts(schema: Mapping[str, Any], value: Any) -> Mapping[Location, str]:
    """Return the files in a valid result, as base64 text by their location."""
    return dict(_Search(schema, _is_file, _file_text).below(schema, value, (), frozenset()))


def _upload_id(value: Any) -> str | None:
    found = value.get("upload_id") if isinstance(value, dict) else None
    return found if isinstance(found, str) else None


def _is_file(schema: Mapping[str, Any]) -> bool:
    return schema.get("format") == FILE_FORMAT


def _file_text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def is_upload(schema: Mapping[str, Any]) -> bool:
    """Return whether the schema describes `{"upload_id": "..."}`."""
    properties = schema.get("properties")
    field = properties.get("upload_id") if isinstance(properties, dict) else None
    return isinstance(field, dict) and field.get("format") == UPLOAD_FORMAT


class _Search:
    """Finds what the schemas of one kind describe. `text_of` returns the text of a value of that kind, or None."""

    def __init__(
        self,
        root: Mapping[str, Any],
        is_wanted: Callable[[Mapping[str, Any]], bool],
        text_of: Callable[[Any], str | None],
    ) -> None:
        self._root = root
        self._is_wanted = is_wanted
        self._text_of = text_of
        self._may_hold: dict[int, bool] = {}

    def below(self, schema: Any, value: Any, at: Location, met: frozenset[str]) -> Iterator[tuple[Location, str]]:
        """Yield location and text of each find. `met` holds the `$ref`s followed for this value, to stop at cycles."""
        if not isinstance(value, dict | list | str) or not self._may_hold_any(schema):
            return
        if self._is_wanted(schema) and (text := self._text_of(value)) is not None:
            yield at, text
            return
        reference = schema.get("$ref")
        if isinstance(reference, str) and reference not in met:
            yield from self.below(self._resolved(reference), value, at, met | {reference})
        for keyword in ("anyOf", "oneOf", "allOf"):
            for option in schema.get(keyword, ()):
                yield from self.below(option, value, at, met)
        for part, inner in _parts_of(value):
            yield from self.below(_schema_of(schema, part), inner, (*at, part), frozenset())

    def _may_hold_any(self, schema: Any) -> bool:
        """Return whether a find is possible in a value of this schema. Other values are not searched."""
        if not isinstance(schema, dict) or not schema:
            return False
        if id(schema) not in self._may_hold:  # the root keeps its parts alive, so their ids are unique
            self._may_hold[id(schema)] = any(map(self._is_wanted, self._parts(schema)))
        return self._may_hold[id(schema)]

    def _parts(self, schema: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
        """Yield a schema and all schemas that it contains or refers to."""
        waiting: list[Any] = [schema]
        followed: set[str] = set()
        while waiting:
            node = waiting.pop()
            if isinstance(node, dict):
                yield node
                waiting += node.values()
                reference = node.get("$ref")
                if isinstance(reference, str) and reference not in followed:
                    followed.add(reference)
                    waiting.append(self._resolved(reference))
            elif isinstance(node, list):
                waiting += node

    def _resolved(self, reference: str) -> Any:
        """Return the schema that `#/$defs/Name` refers to."""
        node: Any = self._root
        for part in reference.removeprefix("#/").split("/"):
            node = node.get(part.replace("~1", "/").replace("~0", "~"), {}) if isinstance(node, dict) else {}
        return node


def _parts_of(value: Any) -> Iterable[tuple[str | int, Any]]:
    """Return the fields of an object or the items of an array, with their names or positions."""
    return value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()


def _schema_of(schema: Mapping[str, Any], part: str | int) -> Any:
    """Return the schema of a field or an item."""
    if isinstance(part, int):
        first = schema.get("prefixItems", ())
        return first[part] if part < len(first) else schema.get("items")
    named = schema.get("properties", {})
    if part in named:
        return named[part]
    by_pattern = schema.get("patternProperties", {})
    return next((by_pattern[one] for one in by_pattern if re.search(one, part)), schema.get("additionalProperties"))
