"""Upload ids. An upload is a file that a caller puts into the object store before the call that names it.

Only its object is stored. The id contains what the caller declared, and the object's key contains the id. The presigned
request is valid for this key alone, so a modified id names an object that does not exist.
"""

import base64
import binascii
import re
import secrets
import struct
from datetime import UTC, datetime, timedelta
from typing import Self

from msgspec import Struct

MIB = 1024 * 1024
MAX_UPLOAD_BYTES = 100 * MIB
MAX_UPLOADS = 16
"""Maximum number of uploads in one input. Each costs a read before the job is created."""

MAX_UPLOADED_BYTES = 3 * MAX_UPLOAD_BYTES
"""Maximum size of all uploads in one input. They are in the function's temporary storage while the tool runs."""

UPLOAD_LIFETIME = timedelta(hours=24)
"""How long an upload can be used for new jobs. The bucket's lifecycle rule removes it later."""

MAX_CONTENT_TYPE = 127

_TOKEN = r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]*"  # noqa: S105 - RFC 6838, section 4.2
_VALUE = r"(?:[A-Za-z0-9!#$&'*+.^_`|~-]+|\x22[!#-\[\]-~]*\x22)"
CONTENT_TYPE = re.compile(rf"{_TOKEN}/{_TOKEN}(?:; ?{_TOKEN}={_VALUE})*")
"""A media type with its parameters (RFC 9110, section 8.3.1), in printable ASCII."""

_UNSIGNED = "application/x-www-form-urlencoded; charset=utf-8"
"""The one type that the SDK leaves out of a signature, so it cannot be enforced."""

_HEAD = struct.Struct(">6s10sI")
_ID = re.compile(r"[A-Za-z0-9_-]{1,200}")


class NotAnUpload(ValueError):
    """The text is not an upload id."""


class Upload(Struct, frozen=True):
    """An upload as its caller declared it. `nonce` is 80 random bits, so that ids cannot be guessed."""

    created_at: datetime
    nonce: bytes
    size_bytes: int
    content_type: str

    @classmethod
    def new(cls, content_type: str, size_bytes: int, now: datetime) -> Self:
        return cls(now, secrets.token_bytes(10), size_bytes, content_type)

    @classmethod
    def of_id(cls, text: str) -> Self:
        """Decode an id. Raise `NotAnUpload`."""
        try:
            raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
            created_ms, nonce, size_bytes = _HEAD.unpack_from(raw)
            created_at = datetime.fromtimestamp(int.from_bytes(created_ms) / 1000, UTC)
            upload = cls(created_at, nonce, size_bytes, raw[_HEAD.size :].decode("ascii"))
        except (binascii.Error, struct.error, ValueError, OverflowError, OSError):
            raise NotAnUpload(text[:40]) from None
        # Only the canonical encoding of an id that could have been issued is valid.
        if not _ID.fullmatch(text) or upload.id != text or not is_content_type(upload.content_type):
            raise NotAnUpload(text[:40])
        return upload

    @property
    def id(self) -> str:
        created_ms = round(self.created_at.timestamp() * 1000).to_bytes(6)
        raw = _HEAD.pack(created_ms, self.nonce, self.size_bytes) + self.content_type.encode("ascii")
        return base64.urlsafe_b64encode(raw).decode().rstrip("=")

    def expired(self, now: datetime) -> bool:
        return now - self.created_at >= UPLOAD_LIFETIME

    def key(self, tenant: str) -> str:
        """Return the object's key. It contains the tenant, so an id is useless to other tenants."""
        return f"uploads/{tenant}/{self.id}"


def is_content_type(text: str) -> bool:
    """Return whether the text is a media type that an upload can have."""
    return len(text) <= MAX_CONTENT_TYPE and CONTENT_TYPE.fullmatch(text) is not None and text.lower() != _UNSIGNED
