"""Idempotency keys: the first request with a key creates the job, every other one joins it."""

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from interlock.domain.job import Job


@dataclass(frozen=True, slots=True)
class IdempotencyRecord:
    """The job and the request body of the first request with a tenant's idempotency key. Hashes are SHA-256 in hex."""

    tenant: str
    key_hash: str
    request_hash: str
    job_id: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class KeyedRequest:
    """A request body with a tenant's idempotency key, before there is a job. Hashes are SHA-256 in hex."""

    tenant: str
    key_hash: str
    request_hash: str

    @classmethod
    def of(cls, tenant: str, key: str, body: Any) -> Self:
        return cls(tenant, hash_text(key), hash_request(body))

    def record_for(self, job: Job) -> IdempotencyRecord:
        """Return the record that connects the key with this job, until the job expires."""
        return IdempotencyRecord(self.tenant, self.key_hash, self.request_hash, job.job_id, job.expires_at)

    def matches(self, record: IdempotencyRecord) -> bool:
        """Return whether the record is about the same request body."""
        return self.request_hash == record.request_hash


def hash_text(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def hash_request(document: Any) -> str:
    """Return a hash that does not depend on white space or the order of fields."""
    return hash_text(json.dumps(document, sort_keys=True, separators=(",", ":")))
