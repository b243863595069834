"""The headers that repeat parts of the body for intermediaries. Each has to agree with the body.

Streamable HTTP, Request Metadata; for tasks: Tasks extension, Routing Headers.
"""

import base64
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from interlock.mcp.messages import Message, header_mismatch

NAME_FIELDS: Mapping[str, str] = {
    "tools/call": "name",
    "tasks/get": "taskId",
    "tasks/update": "taskId",
    "tasks/cancel": "taskId",
}
"""The field of a method's parameters that `Mcp-Name` repeats."""

type Header = Callable[[str], str]
"""Returns the value of a header, empty if there is none."""

_ENCODED = re.compile(r"=\?base64\?(.*)\?=")
_NUMBER = re.compile(r"(-?[0-9]{1,20})(\.0{1,20})?")


def check_headers(message: Message, header: Header) -> None:
    """Raise `ProtocolError` unless `Mcp-Method` and `Mcp-Name` agree with the message."""
    if header("Mcp-Method") != message.method:
        raise header_mismatch(f"Mcp-Method must be the method of the body, {message.method!r}.")
    name = message.params.get(NAME_FIELDS.get(message.method, ""))
    if isinstance(name, str) and _decoded("Mcp-Name", header("Mcp-Name")) != name:
        raise header_mismatch(f"Mcp-Name must be params.{NAME_FIELDS[message.method]} of the body.")


def check_parameter_headers(schema: Mapping[str, Any], arguments: Mapping[str, Any], header: Header) -> None:
    """Raise `ProtocolError` unless each `Mcp-Param-*` header that the schema asks for agrees with its argument."""
    for path, suffix in _mirrored(schema, ()):
        name, value = f"Mcp-Param-{suffix}", _at(arguments, path)
        given = header(name)
        if value is None and given:
            raise header_mismatch(f"{name} is given, but the argument {'.'.join(path)!r} is not.")
        if value is not None and not _agrees(value, _decoded(name, given)):
            raise header_mismatch(f"{name} must be the argument {'.'.join(path)!r}.")


def _mirrored(schema: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield the path and header of each property with `x-mcp-header` that is reached through `properties` alone."""
    properties = schema.get("properties") if isinstance(schema, dict) else None
    for name, part in properties.items() if isinstance(properties, dict) else ():
        if isinstance(part, dict) and isinstance(part.get("x-mcp-header"), str):
            yield (*path, name), part["x-mcp-header"]
        yield from _mirrored(part, (*path, name))


def _at(value: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _agrees(value: Any, text: str) -> bool:
    if isinstance(value, bool):
        return text == ("true" if value else "false")
    number = _NUMBER.fullmatch(text)
    if isinstance(value, int | float) and number:  # 42 and 42.0 are equal
        return int(number[1]) == value
    return text == str(value)


def _decoded(name: str, text: str) -> str:
    """Return the value of a header, which may be encoded (Value Encoding)."""
    encoded = _ENCODED.fullmatch(text)
    if not encoded:
        return text
    try:
        return base64.b64decode(encoded[1], validate=True).decode()
    except ValueError:
        raise header_mismatch(f"{name} is not valid base64.") from None
