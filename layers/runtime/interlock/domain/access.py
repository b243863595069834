"""Who may do what: scopes, and the API key that carries them."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Scope(StrEnum):
    """What a key allows. `admin` is all of them."""

    EXECUTE = "execute"
    JOBS_READ = "jobs:read"
    JOBS_CANCEL = "jobs:cancel"
    PLUGINS_READ = "plugins:read"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class ApiKey:
    """An API key as kept: the SHA-256 of the key, never the key."""

    key_hash: str
    key_id: str
    tenant: str
    scopes: frozenset[str]
    expires_at: datetime | None = None

    def valid(self, now: datetime) -> bool:
        return self.expires_at is None or now < self.expires_at


@dataclass(frozen=True, slots=True)
class Principal:
    """Who is calling, as the authorizer found it."""

    tenant: str
    key_id: str
    scopes: frozenset[str]

    def allows(self, scope: Scope) -> bool:
        return scope in self.scopes or Scope.ADMIN in self.scopes


def hash_key(key: str) -> str:
    """SHA-256 in hex. A key is 256 random bits, so neither salt nor stretching adds anything."""
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()
