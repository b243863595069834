"""Who may do what: scopes, and the API key that carries them."""

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from interlock.domain.rate import Rate


class Scope(StrEnum):
    """What a key allows. `admin` is all of them."""

    EXECUTE = "execute"
    JOBS_READ = "jobs:read"
    JOBS_CANCEL = "jobs:cancel"
    PLUGINS_READ = "plugins:read"
    ADMIN = "admin"


TENANT_PATTERN = "[A-Za-z0-9][A-Za-z0-9._-]{0,63}"
"""What a tenant may be called: it stands in keys of the table and of objects, where `#` and `/` part the names."""


def is_tenant(text: object) -> bool:
    return isinstance(text, str) and re.fullmatch(TENANT_PATTERN, text) is not None


@dataclass(frozen=True, slots=True)
class ApiKey:
    """An API key as kept: the SHA-256 of the key, never the key. `hint` is its last characters, to know it by. `rate`
    and `concurrency` (jobs that have not finished) are its own limits; None: the stack's."""

    key_hash: str
    key_id: str
    tenant: str
    scopes: frozenset[str]
    expires_at: datetime | None = None
    created_at: datetime | None = None
    revoked_at: datetime | None = None
    rate: Rate | None = None
    concurrency: int | None = None
    note: str | None = None
    hint: str | None = None

    def expired(self, now: datetime) -> bool:
        return self.expires_at is not None and self.expires_at <= now

    def valid(self, now: datetime) -> bool:
        return self.revoked_at is None and not self.expired(now)


@dataclass(frozen=True, slots=True)
class Principal:
    """Who is calling, as the authorizer found it. `concurrency`: how many unfinished jobs the key may have."""

    tenant: str
    key_id: str
    scopes: frozenset[str]
    concurrency: int | None = None

    def allows(self, scope: Scope) -> bool:
        return scope in self.scopes or Scope.ADMIN in self.scopes


def hash_key(key: str) -> str:
    """SHA-256 in hex. A key is 256 random bits, so neither salt nor stretching adds anything."""
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()
