"""The text forms of a file in JSON: base64 (RFC 4648) and `data:` URLs (RFC 2397)."""

import base64
import binascii
import re

FILE_FORMAT = "interlock-file"
"""The JSON Schema `format` of an input field that is a file."""

_DATA_URL = re.compile(r"data:[^,]{0,255};base64,", re.IGNORECASE)


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
