"""Formats of a file in JSON: base64 (RFC 4648), a `data:` URL (RFC 2397), or `{"upload_id": "..."}`."""

import base64
import binascii
import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

from msgspec import Struct

FILE_FORMAT = "interlock-file"
"""The JSON Schema `format` of a file as text."""

UPLOAD_FORMAT = "interlock-upload"
"""The JSON Schema `format` of an `upload_id`. It distinguishes an upload from other objects with the same fields."""

TEXT_SCHEMA: dict[str, Any] = {"type": "string", "format": FILE_FORMAT, "contentEncoding": "base64"}

UPLOAD_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"upload_id": {"type": "string", "format": UPLOAD_FORMAT, "minLength": 1, "maxLength": 255}},
    "required": ["upload_id"],
    "additionalProperties": False,
}

FILE_SCHEMA: dict[str, Any] = {"anyOf": [{**TEXT_SCHEMA, "minLength": 1}, UPLOAD_SCHEMA]}
"""The JSON Schema of an input field that takes a file."""

_LINK = re.compile("[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")


class StoredFile(Struct, frozen=True):
    """A file of an input on this machine. No JSON value can be one, so a caller cannot name a path."""

    path: Path


def decode_file(text: str) -> bytes:
    """Decode a file from base64 text (line breaks allowed), or from a `data:` URL with base64 or percent-encoding.

    Raises ValueError with a message for the caller.
    """
    if _LINK.match(text):
        raise ValueError("is a URL, which is not fetched: send the file as base64 or a data: URL, or upload it")
    if text[:5].lower() != "data:":
        return _from_base64(text)
    about, comma, data = text.partition(",")
    if not comma:
        raise ValueError("is a data: URL without a comma before its data")
    if _BROKEN_ESCAPE.search(data):
        raise ValueError("is a data: URL with a '%' that no two hexadecimal digits follow")
    content = unquote_to_bytes(data)
    return _from_base64(content.decode("latin-1")) if about.lower().endswith(";base64") else content


def _from_base64(text: str) -> bytes:
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("is not valid base64") from None


def check_file(text: str) -> bool:
    """Return whether the text is a file in one of the formats."""
    try:
        decode_file(text)
    except ValueError:
        return False
    return True
