"""Read the JSON Schema of an input or a result, as pydantic writes it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

FILE_FORMAT = "interlock-file"
UPLOAD_FORMAT = "interlock-upload"

type Location = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Node:
    """A schema within its document. `alternatives` are its parts without `$ref`, `anyOf`, `oneOf` and `allOf`."""

    root: Mapping[str, Any]
    schema: Mapping[str, Any]

    @property
    def alternatives(self) -> list[Mapping[str, Any]]:
        """The plain schemas, one of which a value must fit."""
        return list(self._plain(self.schema, frozenset()))

    @property
    def types(self) -> set[str]:
        """The JSON types of the values; empty if any value fits."""
        return {kind for one in self.alternatives for kind in _types(one)}

    @property
    def is_file(self) -> bool:
        """Whether a value may be a file."""
        return any(one.get("format") == FILE_FORMAT for one in self.alternatives)

    @property
    def unknown(self) -> bool:
        """Whether any value fits, because the schema is empty."""
        return not self.schema

    @property
    def choices(self) -> list[Any]:
        """The permitted values if the schema lists them; empty if it also permits others."""
        plain = [one for one in self.alternatives if _types(one) != ["null"]]
        listed = [one["enum"] if "enum" in one else [one["const"]] for one in plain if "enum" in one or "const" in one]
        return [value for values in listed for value in values] if len(listed) == len(plain) else []

    @property
    def properties(self) -> dict[str, Node]:
        """The fields of an object."""
        return {
            name: Node(self.root, field)
            for one in self.alternatives
            if not is_upload(one)
            for name, field in one.get("properties", {}).items()
        }

    @property
    def required(self) -> list[str]:
        """The fields that an object must have, if it is the only alternative besides null."""
        alternatives = [one for one in self.alternatives if _types(one) != ["null"]]
        return list(alternatives[0].get("required", [])) if len(alternatives) == 1 else []

    @property
    def other_properties(self) -> Node | None:
        """The schema of fields without a declaration, if an object permits them explicitly."""
        if self.unknown:
            return self
        for one in self.alternatives:
            others = one.get("additionalProperties")
            if others:
                return Node(self.root, others if isinstance(others, dict) else {})
        return None

    @property
    def items(self) -> Node | None:
        """The schema of the items, if a value may be an array."""
        arrays = [one for one in self.alternatives if "array" in _types(one)]
        return Node(self.root, arrays[0].get("items", {})) if arrays else None

    def described(self) -> str:
        """Return the type for a human, such as `file`, `integer` or `list of text`."""
        words = [] if not self.is_file else ["file"]
        for one in self.alternatives:
            if one.get("format") == FILE_FORMAT or is_upload(one):
                continue
            items = Node(self.root, one["items"]).described() if one.get("items") else ""
            names = {"string": "text", "array": f"list of {items}" if items else "list", "null": "none"}
            words += [names.get(kind, kind) for kind in _types(one)]
        if self.choices:
            words = [", ".join(map(str, self.choices))]
        return " or ".join(dict.fromkeys(words)) or "any"

    def _plain(self, schema: Mapping[str, Any], met: frozenset[str]) -> Iterator[Mapping[str, Any]]:
        reference = schema.get("$ref")
        if isinstance(reference, str):
            if reference not in met:
                yield from self._plain(self._resolved(reference), met | {reference})
            return
        options: Sequence[Mapping[str, Any]] = [
            *schema.get("anyOf", ()), *schema.get("oneOf", ()), *schema.get("allOf", ()),
        ]  # fmt: skip
        if not options:
            yield schema
        for option in options:
            yield from self._plain(option, met)

    def _resolved(self, reference: str) -> Mapping[str, Any]:
        node: Any = self.root
        for part in reference.removeprefix("#/").split("/"):
            node = node.get(part.replace("~1", "/").replace("~0", "~"), {}) if isinstance(node, dict) else {}
        return node if isinstance(node, dict) else {}


def node(schema: Mapping[str, Any]) -> Node:
    """Return a whole schema as a node."""
    return Node(schema, schema)


def is_upload(schema: Mapping[str, Any]) -> bool:
    """Return whether a schema describes the reference to an upload."""
    field = schema.get("properties", {}).get("upload_id")
    return isinstance(field, dict) and field.get("format") == UPLOAD_FORMAT


def files_in(schema: Node, value: Any, at: Location = ()) -> Iterator[tuple[Location, str]]:
    """Yield location and base64 text of each file in a result."""
    if isinstance(value, str):
        if schema.is_file:
            yield at, value
    elif isinstance(value, dict):
        fields, others = schema.properties, schema.other_properties
        for name, inner in value.items():
            field = fields.get(name) or others
            if field is not None:
                yield from files_in(field, inner, (*at, name))
    elif isinstance(value, list) and schema.items is not None:
        for number, inner in enumerate(value):
            yield from files_in(schema.items, inner, (*at, number))


def _types(schema: Mapping[str, Any]) -> list[str]:
    kind = schema.get("type")
    if kind is None and "properties" in schema:
        return ["object"]
    return [kind] if isinstance(kind, str) else list(kind or [])
