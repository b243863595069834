"""Idempotency keys: the first request under a key makes the job, every other joins it."""

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class IdempotencyClaim:
    """Which job a tenant's key stands for, and of which request body. Hashes are SHA-256 in hex."""

    tenant: str
    key_hash: str
    request_hash: str
    job_id: str
    expires_at: datetime


def hash_text(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def hash_request(document: Any) -> str:
    """The same for the same JSON value, whatever its white space and the order of its fields."""
    return hash_text(json.dumps(document, sort_keys=True, separators=(",", ":")))
