"""Cursors of listings: opaque, signed, and good for the one query and tenant that they were made for."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any

from interlock.domain.errors import InvalidRequest

SECRET_NAME = "cursors"  # noqa: S105 - what the secret is called
_ID_LENGTH = 26
_SIGNATURE_BYTES = 16


class Cursors:
    """Writes and reads them. `secret` is asked for when there is a cursor to write or to read, and once."""

    def __init__(self, secret: Callable[[], bytes]) -> None:
        self._secret = secret

    def write(self, job_id: str, query: Any) -> str:
        """A cursor that goes on after this job; `query` is JSON of whose and which listing it is."""
        return _encoded(job_id.encode() + self._signature(job_id, query))

    def read(self, text: str | None, query: Any) -> str | None:
        """The id to go on after. Raises `InvalidRequest` for a cursor that was not made for this query."""
        if text is None:
            return None
        raw = _decoded(text)
        job_id = raw[:_ID_LENGTH].decode("latin-1")
        # Nothing of a cursor is believed before its signature is.
        if not hmac.compare_digest(raw[_ID_LENGTH:], self._signature(job_id, query)):
            raise InvalidRequest("cursor is not one that this query returned: pass next_cursor on unchanged.")
        return job_id

    def _signature(self, job_id: str, query: Any) -> bytes:
        signed = json.dumps([job_id, query], separators=(",", ":")).encode()
        return hmac.digest(self._secret(), signed, hashlib.sha256)[:_SIGNATURE_BYTES]


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _decoded(text: str) -> bytes:
    """The bytes of a cursor; none for what is not the one way to write them."""
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except ValueError:
        return b""
    return raw if _encoded(raw) == text else b""
