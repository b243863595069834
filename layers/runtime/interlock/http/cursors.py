"""Cursors of listings: opaque, signed, and valid only for the query and tenant that they were created for."""

import base64
import hashlib
import hmac
from collections.abc import Callable
from typing import Any

from interlock.domain.errors import InvalidRequest
from interlock.domain.json_text import as_text

SECRET_NAME = "cursors"  # noqa: S105 - what the secret is called
_ID_LENGTH = 26
_SIGNATURE_BYTES = 16


class Cursors:
    """Writes and reads cursors. `secret` is called when the first cursor is written or read."""

    def __init__(self, secret: Callable[[], bytes]) -> None:
        self._secret = secret

    def write(self, job_id: str, query: Any) -> str:
        """Return the cursor that continues after this job. `query` is JSON that identifies tenant and listing."""
        return _encoded(job_id.encode() + self._signature(job_id, query))

    def read(self, text: str | None, query: Any) -> str | None:
        """Return the job id to continue after. Raise `InvalidRequest` if the cursor belongs to another query."""
        if text is None:
            return None
        raw = _decoded(text)
        job_id = raw[:_ID_LENGTH].decode("latin-1")
        # The signature is checked before anything of a cursor is used.
        if not hmac.compare_digest(raw[_ID_LENGTH:], self._signature(job_id, query)):
            raise InvalidRequest("cursor does not belong to this query: pass next_cursor unchanged.")
        return job_id

    def _signature(self, job_id: str, query: Any) -> bytes:
        signed = as_text([job_id, query]).encode()
        return hmac.digest(self._secret(), signed, hashlib.sha256)[:_SIGNATURE_BYTES]


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _decoded(text: str) -> bytes:
    """Decode a cursor. Returns no bytes for anything but the canonical encoding."""
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except ValueError:
        return b""
    return raw if _encoded(raw) == text else b""
