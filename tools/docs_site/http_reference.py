"""The HTTP reference: the OpenAPI document as a Markdown page."""

from collections.abc import Iterator, Mapping
from typing import Any

type Json = Mapping[str, Any]

_HEAD = """# HTTP reference

Generated from the OpenAPI document, which the API serves at `GET /v1/openapi.json`. [Calling tools](calling.md) shows
how to use it, [Errors](errors.md) what each code means.
"""


def reference(document: Json) -> str:
    """Return the page of an OpenAPI 3.1 document: its operations by path, then its schemas."""
    return "\n".join([_HEAD, *_operations(document), "## Schemas\n", *_schemas(document)])


def _operations(document: Json) -> Iterator[str]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"## {method.upper()} {path}\n\n**{operation['summary']}.** {operation['description']}\n"
            parameters = [_resolved(document, one) for one in operation.get("parameters", [])]
            if parameters:
                yield "| parameter | in | type | description |\n|---|---|---|---|"
                yield from (
                    f"| `{one['name']}` | {one['in']} | {_type(one['schema'])} | {_cell(one.get('description', ''))} |"
                    for one in parameters
                )
                yield ""
            if "requestBody" in operation:
                yield f"Request body: {_type(_schema(operation['requestBody']))}\n"
            yield "| status | body | description |\n|---|---|---|"
            for status, response in operation["responses"].items():
                found = _resolved(document, response)
                body = _type(_schema(found)) if "content" in found else "none"
                yield f"| {status} | {body} | {_cell(found['description'])} |"
            yield ""


def _schemas(document: Json) -> Iterator[str]:
    for name, schema in document["components"]["schemas"].items():
        yield f"### {name}\n\n{schema.get('description', '')}\n"
        if "properties" not in schema:
            yield f"{_type(schema)}\n"
            continue
        yield "| field | type | description |\n|---|---|---|"
        required = schema.get("required", [])
        for field, its in schema["properties"].items():
            optional = "" if field in required else " (optional)"
            described = its.get("description") or _resolved(document, its).get("description", "")
            yield f"| `{field}`{optional} | {_type(its)} | {_cell(described)} |"
        yield ""


def _resolved(document: Json, value: Json) -> Json:
    reference = value.get("$ref")
    if reference is None:
        return value
    found: Any = document
    for part in reference.removeprefix("#/").split("/"):
        found = found[part]
    return {**found, **{key: its for key, its in value.items() if key != "$ref"}}


def _schema(body: Json) -> Json:
    [media] = body["content"].values()
    schema: Json = media["schema"]
    return schema


def _type(schema: Json) -> str:
    """Return a short description of a schema, with links to the named ones."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    for several in ("anyOf", "oneOf"):
        if several in schema:
            return " or ".join(dict.fromkeys(map(_type, schema[several])))
    if "enum" in schema:
        return " or ".join(f"`{value}`" for value in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    kind = schema.get("type", "any")
    return " or ".join(kind) if isinstance(kind, list) else str(kind)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
