"""A tool's schema with its unions taken out, so that the cost of finding errors is bounded.

jsonschema_rs attaches to an `anyOf` or `oneOf` error all errors of all options, their own unions included. Where two
options recurse, a value of 300 bytes that is nested 16 deep takes 22 seconds and 2.4 GB. In the document made here
each union is `{"not": {"not": <union>}}`, which is valid for the same values and whose error has no context. The
errors of an option are looked for only where they are reported.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

_NAMED = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas")
_LISTED = ("allOf", "prefixItems")
_SINGLE = ("items", "additionalProperties", "propertyNames", "contains", "not", "if", "then", "else")
_UNIONS = ("anyOf", "oneOf")
_NOT_MOVABLE = re.compile(r'"(?:\$id|\$anchor|\$dynamic\w+|unevaluated\w+)":')
"""Keywords whose meaning depends on the location of a schema. pydantic writes none of them. A schema with such a
keyword is left unchanged."""


class Union(Struct, frozen=True):
    """A union of the schema. `options` are JSON Pointers into the document. `tag` is the field that distinguishes the
    options, if the union has a discriminator (OpenAPI 3.1, which pydantic writes)."""

    keyword: str
    options: Sequence[str]
    tag: str | None


class UnionFreeSchema:
    """A schema whose unions are replaced by references. `document` is the schema without unions; `unions` maps each
    reference to its union."""

    def __init__(self, schema: Mapping[str, Any], text: str) -> None:
        """Take the unions out of a schema. `text` is the schema as JSON."""
        self.unions: dict[str, Union] = {}
        self._definitions: dict[str, Any] = {}
        if _NOT_MOVABLE.search(text):
            self.document: dict[str, Any] = dict(schema)
            return
        self.document = self._rewritten(schema)
        self.document["$defs"] = {**self.document.get("$defs", {}), **self._definitions}

    def _rewritten(self, schema: Any) -> Any:
        if not isinstance(schema, Mapping):  # true, false
            return schema
        new = dict(schema)
        for keyword, value in schema.items():
            if keyword in _NAMED and isinstance(value, Mapping):
                new[keyword] = {name: self._rewritten(one) for name, one in value.items()}
            elif keyword in _LISTED and isinstance(value, list):
                new[keyword] = [self._rewritten(one) for one in value]
            elif keyword in _SINGLE:
                new[keyword] = self._rewritten(value)
        for keyword in _UNIONS:
            if keyword in schema:
                del new[keyword]
                new["allOf"] = [*new.get("allOf", ()), self._moved(keyword, schema)]
        return new

    def _moved(self, keyword: str, schema: Mapping[str, Any]) -> dict[str, Any]:
        name = f"interlock-union-{len(self.unions)}"
        reference = f"#/$defs/{name}"
        discriminator = schema.get("discriminator")
        tag = discriminator.get("propertyName") if isinstance(discriminator, Mapping) else None
        count = len(schema[keyword])
        self.unions[reference] = Union(keyword, [f"{reference}/{keyword}/{n}" for n in range(count)], tag)
        self._definitions[name] = {keyword: [self._rewritten(one) for one in schema[keyword]]}
        return {"not": {"not": {"$ref": reference}}}
