"""Idempotency keys: the first request under a key makes the job, every other joins it."""

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from interlock.domain.job import Job


@dataclass(frozen=True, slots=True)
class IdempotencyRecord:
    """Which job a tenant's key stands for, and of which request body. Hashes are SHA-256 in hex."""

    tenant: str
    key_hash: str
    request_hash: str
    job_id: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class KeyedRequest:
    """A request body under a tenant's idempotency key, whether or not a job comes of it. Hashes are SHA-256 in hex."""

    tenant: str
    key_hash: str
    request_hash: str

    @classmethod
    def of(cls, tenant: str, key: str, body: Any) -> Self:
        return cls(tenant, hash_text(key), hash_request(body))

    def record_for(self, job: Job) -> IdempotencyRecord:
        """That the key stands for this job, as long as that is kept."""
        return IdempotencyRecord(self.tenant, self.key_hash, self.request_hash, job.job_id, job.expires_at)

    def matches(self, record: IdempotencyRecord) -> bool:
        """Whether the claim under this key is of the same request body."""
        return self.request_hash == record.request_hash


def hash_text(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def hash_request(document: Any) -> str:
    """The same for the same JSON value, whatever its white space and the order of its fields."""
    return hash_text(json.dumps(document, sort_keys=True, separators=(",", ":")))
