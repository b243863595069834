"""Find the uploads in an input by the tool's schema, since other objects may have the same fields."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from interlock.domain.file_formats import UPLOAD_FORMAT

type Location = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class FileReference:
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
    found = dict(_Search(schema).below(schema, value, (), frozenset()))
    names = {upload_id: f"upload-{number}" for number, upload_id in enumerate(dict.fromkeys(found.values()))}
    return tuple(FileReference(location, upload_id, names[upload_id]) for location, upload_id in found.items())


def is_upload(schema: Mapping[str, Any]) -> bool:
    """Return whether the schema describes `{"upload_id": "..."}`."""
    properties = schema.get("properties")
    field = properties.get("upload_id") if isinstance(properties, dict) else None
    return isinstance(field, dict) and field.get("format") == UPLOAD_FORMAT


class _Search:
    def __init__(self, root: Mapping[str, Any]) -> None:
        self._root = root
        self._holds_uploads: dict[int, bool] = {}

    def below(self, schema: Any, value: Any, at: Location, met: frozenset[str]) -> Iterator[tuple[Location, str]]:
        """Yield location and id of each upload. `met` are the `$ref`s followed for this value, against cycles."""
        if not isinstance(value, dict | list) or not self._may_hold_uploads(schema):
            return
        if is_upload(schema) and isinstance(value, dict):
            if isinstance(value.get("upload_id"), str):
                yield at, value["upload_id"]
            return
        reference = schema.get("$ref")
        if isinstance(reference, str) and reference not in met:
            yield from self.below(self._resolved(reference), value, at, met | {reference})
        for keyword in ("anyOf", "oneOf", "allOf"):
            for option in schema.get(keyword, ()):
                yield from self.below(option, value, at, met)
        for part, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from self.below(_schema_of(schema, part), inner, (*at, part), frozenset())

    def _may_hold_uploads(self, schema: Any) -> bool:
        """Return whether an upload is possible in a value of this schema. Values without one are not searched."""
        if not isinstance(schema, dict) or not schema:
            return False
        if id(schema) not in self._holds_uploads:  # the root keeps its parts alive, so their ids are unique
            self._holds_uploads[id(schema)] = any(map(is_upload, self._parts(schema)))
        return self._holds_uploads[id(schema)]

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
