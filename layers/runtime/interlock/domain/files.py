"""The forms of a file in JSON: base64 (RFC 4648), a `data:` URL (RFC 2397), or `{"upload_id": "..."}`."""

import base64
import binascii
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FILE_FORMAT = "interlock-file"
"""The JSON Schema `format` of the text forms of a file."""

UPLOAD_FORMAT = "interlock-upload"
"""The JSON Schema `format` of an `upload_id`: by it an upload is told from any other object of the same look."""

TEXT_SCHEMA: dict[str, Any] = {"type": "string", "format": FILE_FORMAT, "contentEncoding": "base64"}

UPLOAD_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"upload_id": {"type": "string", "format": UPLOAD_FORMAT, "minLength": 1, "maxLength": 255}},
    "required": ["upload_id"],
    "additionalProperties": False,
}

FILE_SCHEMA: dict[str, Any] = {"anyOf": [TEXT_SCHEMA, UPLOAD_SCHEMA]}
"""The JSON Schema of an input field that is a file."""

_DATA_URL = re.compile(r"data:[^,]{0,255};base64,", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file of an input that lies on this machine. No JSON value is one, so none names a path of its choice."""

    path: Path


def decode_file(text: str) -> bytes:
    """The bytes of a file given as base64 text (line breaks allowed) or as a base64 `data:` URL.
    Raises ValueError with a text for the caller."""
    if text[:5].lower() == "data:":
        prefix = _DATA_URL.match(text)
        if prefix is None:
            raise ValueError("is a data: URL without ';base64,': send the file base64-encoded")
        text = text[prefix.end() :]
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("is not valid base64") from None


def check_file(text: str) -> bool:
    """True when the text is a file in one of its forms."""
    try:
        decode_file(text)
    except ValueError:
        return False
    return True
