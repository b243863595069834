"""Uploads: files that a caller put into the object store ahead of the call that names them.

An upload has no record but its object. What the caller declared of it stands in its id, the id stands in the object's
key, and the presigned request allows that one key alone: so an id that was changed names an object that is not there.
"""

import base64
import binascii
import re
import secrets
import struct
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self

MIB = 1024 * 1024
MAX_UPLOAD_BYTES = 100 * MIB
MAX_UPLOADS = 16
"""Uploads that one input may name: each is asked for before anything is started."""

MAX_UPLOADED_BYTES = 3 * MAX_UPLOAD_BYTES
"""Bytes of one input's uploads together: they lie in the function's temporary storage while the tool runs."""

UPLOAD_LIFETIME = timedelta(hours=24)
"""How long an upload may be used for new jobs. The bucket's lifecycle rule removes it after that."""

MAX_CONTENT_TYPE = 127

_TOKEN = r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]*"  # noqa: S105 - RFC 6838, section 4.2
_VALUE = r"(?:[A-Za-z0-9!#$&'*+.^_`|~-]+|\x22[!#-\[\]-~]*\x22)"
CONTENT_TYPE = re.compile(rf"{_TOKEN}/{_TOKEN}(?:; ?{_TOKEN}={_VALUE})*")
"""A media type with its parameters (RFC 9110, section 8.3.1), in printable ASCII."""

_UNSIGNED = "application/x-www-form-urlencoded; charset=utf-8"
"""The one type that the SDK leaves out of a signature, which would then pin none."""

_HEAD = struct.Struct(">6s10sI")
_ID = re.compile(r"[A-Za-z0-9_-]{1,200}")


class NotAnUpload(ValueError):
    """The text is no id of an upload."""


@dataclass(frozen=True, slots=True)
class Upload:
    """What an upload was declared to be. `nonce` is 80 random bits: ids are not to be guessed."""

    created_at: datetime
    nonce: bytes
    size_bytes: int
    content_type: str

    @classmethod
    def new(cls, content_type: str, size_bytes: int, now: datetime) -> Self:
        return cls(now, secrets.token_bytes(10), size_bytes, content_type)

    @classmethod
    def of_id(cls, text: str) -> Self:
        """What an id says. Raises `NotAnUpload`."""
        try:
            raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
            created_ms, nonce, size_bytes = _HEAD.unpack_from(raw)
            created_at = datetime.fromtimestamp(int.from_bytes(created_ms) / 1000, UTC)
            upload = cls(created_at, nonce, size_bytes, raw[_HEAD.size :].decode("ascii"))
        except (binascii.Error, struct.error, ValueError, OverflowError, OSError):
            raise NotAnUpload(text[:40]) from None
        # Each upload has one id: another text for the same bytes is none, nor is what was never handed out.
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
        """Where the object lies. Under its tenant: an id is worth nothing to another."""
        return f"uploads/{tenant}/{self.id}"


def is_content_type(text: str) -> bool:
    """Whether a text is a media type that an upload may have."""
    return len(text) <= MAX_CONTENT_TYPE and CONTENT_TYPE.fullmatch(text) is not None and text.lower() != _UNSIGNED
