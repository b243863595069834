"""Where in an input its uploads are: by the tool's schema, since an object of the same look may be no file."""

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
    """Whether there is any place for an upload in what the schema describes."""
    return f'"format": "{UPLOAD_FORMAT}"' in json.dumps(schema)


def file_references(schema: Mapping[str, Any], value: Any) -> tuple[FileReference, ...]:
    """The uploads in a value that fits the schema, each location once, in the value's order.

    Read are the keywords that pydantic writes: where a field may be one of several, and one is a file, what looks
    like an upload is one.
    """
    found = dict(_Search(schema).below(schema, value, (), frozenset()))
    names = {upload_id: f"upload-{number}" for number, upload_id in enumerate(dict.fromkeys(found.values()))}
    return tuple(FileReference(location, upload_id, names[upload_id]) for location, upload_id in found.items())


def is_upload(schema: Mapping[str, Any]) -> bool:
    """Whether the schema is that of `{"upload_id": "..."}`."""
    properties = schema.get("properties")
    return isinstance(properties, dict) and properties.get("upload_id", {}).get("format") == UPLOAD_FORMAT


class _Search:
    def __init__(self, root: Mapping[str, Any]) -> None:
        self._root = root

    def below(self, schema: Any, value: Any, at: Location, met: frozenset[str]) -> Iterator[tuple[Location, str]]:
        """`met` are the references that were followed to come here, for this very value: none is followed twice."""
        if not isinstance(schema, dict) or not isinstance(value, dict | list):
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

    def _resolved(self, reference: str) -> Any:
        """What `#/$defs/Name` stands for."""
        node: Any = self._root
        for part in reference.removeprefix("#/").split("/"):
            node = node.get(part.replace("~1", "/").replace("~0", "~"), {}) if isinstance(node, dict) else {}
        return node


def _schema_of(schema: Mapping[str, Any], part: str | int) -> Any:
    """The schema of a field, or of an item."""
    if isinstance(part, int):
        first = schema.get("prefixItems", ())
        return first[part] if part < len(first) else schema.get("items")
    named = schema.get("properties", {})
    if part in named:
        return named[part]
    by_pattern = schema.get("patternProperties", {})
    return next((by_pattern[one] for one in by_pattern if re.search(one, part)), schema.get("additionalProperties"))
