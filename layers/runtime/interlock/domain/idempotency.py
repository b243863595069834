"""Idempotency keys: the first request with a key creates the job, every other one joins it."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Self

from msgspec import Struct

from interlock.domain.job import Job


class KeyedRequest(Struct, frozen=True):
    """A request body with an idempotency key. Hashes are SHA-256 in hex. `key_hash` covers tenant and key."""

    tenant: str
    key_hash: str
    request_hash: str

    @classmethod
    def of(cls, tenant: str, key: str, body: Any) -> Self:
        return cls(tenant, hash_text(f"{tenant}#{key}"), hash_request(body))

    def matches(self, job: Job) -> bool:
        """Return whether the job was created by a request with the same body."""
        return self.request_hash == job.request_hash


def hash_text(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


_LIMITS = ("timeout_s", "deadline_s", "max_concurrency", "tolerated_failures")
"""Numeric fields of request bodies that are not part of a tool's input."""

_EXACT = 2**53
"""Every whole number up to this one can be represented as a float."""


def comparable(document: Any) -> Any:
    """Return a body in the form in which two requests are compared: 20 and 20.0 are the same limit."""
    if not isinstance(document, Mapping):
        return document
    given = {name: document[name] for name in _LIMITS if type(document.get(name)) in {int, float}}
    limits = {name: float(value) for name, value in given.items() if abs(value) <= _EXACT}
    return {**document, **limits}


def hash_request(document: Any) -> str:
    """Return a hash that does not depend on white space or the order of fields."""
    return hash_text(json.dumps(document, sort_keys=True, separators=(",", ":")))
