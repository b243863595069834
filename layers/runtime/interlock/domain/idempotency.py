"""Idempotency keys: the first request with a key creates the job, every other one joins it."""

import hashlib
import json
from typing import Any, Self

from msgspec import Struct

from interlock.domain.job import Job


class KeyedRequest(Struct, frozen=True):
    """A request body with an idempotency key. Hashes are SHA-256 in hex. `key_hash` is about tenant and key."""

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


def hash_request(document: Any) -> str:
    """Return a hash that does not depend on white space or the order of fields."""
    return hash_text(json.dumps(document, sort_keys=True, separators=(",", ":")))
