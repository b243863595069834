"""Access: scopes, API keys, the principal of a request, and the challenge in a response with status 401."""

import hashlib
import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from msgspec import Struct

from interlock.domain.rate import Rate


class Scope(StrEnum):
    """A permission of a key or token. `admin` includes all others."""

    EXECUTE = "execute"
    JOBS_READ = "jobs:read"
    JOBS_CANCEL = "jobs:cancel"
    PLUGINS_READ = "plugins:read"
    ADMIN = "admin"


TENANT_PATTERN = "[A-Za-z0-9][A-Za-z0-9._-]{0,63}"
"""Valid names of a tenant. They are part of the table's and the objects' keys, which `#` and `/` separate."""


def is_tenant(text: object) -> bool:
    return isinstance(text, str) and re.fullmatch(TENANT_PATTERN, text) is not None


KEY_ID_PATTERN = "[A-Za-z0-9_-]{1,64}"
"""Valid ids of API keys."""

KEY_NAME_PATTERN = r"[^\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]*"
"""Names of API keys: one line, without control characters and characters that change the direction of text."""

MAX_KEY_NAME = 200
MAX_LIFETIME = timedelta(days=36_500)
MAX_CONCURRENCY = 10_000
"""Upper bounds for the name, lifetime and concurrency of a new key."""

TOKEN_CALLER = "jwt-"  # noqa: S105 - a prefix
"""Prefix of the ids of callers with a token instead of a key."""


def is_key_name(text: str) -> bool:
    return 0 < len(text) <= MAX_KEY_NAME and re.fullmatch(KEY_NAME_PATTERN, text) is not None


class KeyState(StrEnum):
    """Whether a key works, and why it does not."""

    ACTIVE = "active"
    EXPIRED = "expired"
    REVOKED = "revoked"


class KeyIsOver(Exception):
    """The key was revoked meanwhile."""


class ApiKey(Struct, frozen=True):
    """An API key as it is stored: the SHA-256 of the key, never the key itself.

    `hint` is the last characters of the key, to recognize it. `rate` and `concurrency` (unfinished jobs) are limits of
    this key; None means the stack's default. `created_by` is the id of the caller that created it over HTTP.
    """

    key_hash: str
    key_id: str
    tenant: str
    scopes: frozenset[str]
    expires_at: datetime | None = None
    created_at: datetime | None = None
    revoked_at: datetime | None = None
    rate: Rate | None = None
    concurrency: int | None = None
    name: str | None = None
    hint: str | None = None
    created_by: str | None = None

    def expired(self, now: datetime) -> bool:
        return self.expires_at is not None and self.expires_at <= now

    def state(self, now: datetime) -> KeyState:
        if self.revoked_at is not None:
            return KeyState.REVOKED
        return KeyState.EXPIRED if self.expired(now) else KeyState.ACTIVE

    def valid(self, now: datetime) -> bool:
        return self.state(now) is KeyState.ACTIVE


class Principal(Struct, frozen=True):
    """The authenticated caller of a request. `concurrency` limits the unfinished jobs of the key."""

    tenant: str
    key_id: str
    scopes: frozenset[str]
    concurrency: int | None = None

    @property
    def has_token(self) -> bool:
        """Whether the caller sent a token instead of a key."""
        return self.key_id.startswith(TOKEN_CALLER)

    def allows(self, scope: Scope) -> bool:
        return scope in self.scopes or Scope.ADMIN in self.scopes


def hash_key(key: str) -> str:
    """Return the SHA-256 of a key in hex. A key is 256 random bits, so a salt or stretching would add nothing."""
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()


# --- Challenges of a 401 ---

CHALLENGE = 'ApiKey realm="interlock"'
"""`WWW-Authenticate` of a 401, which has to name a scheme (RFC 9110, section 11.6.1). The scheme `ApiKey` is our own,
because none is registered for keys in a separate header."""

METADATA_PATH = "/.well-known/oauth-protected-resource"
"""OAuth 2.0 Protected Resource Metadata (RFC 9728): where clients that get a 401 find the issuer of tokens."""

MCP_SCOPES = (Scope.PLUGINS_READ, Scope.EXECUTE, Scope.JOBS_READ, Scope.JOBS_CANCEL)
"""The scopes of a client of the Model Context Protocol."""


def challenge_with_tokens(api_url: str) -> str:
    """Return `WWW-Authenticate` where tokens are accepted. `Bearer` comes first: some clients read no other."""
    scopes = " ".join(MCP_SCOPES)
    return f'Bearer realm="interlock", resource_metadata="{api_url}{METADATA_PATH}", scope="{scopes}", {CHALLENGE}'


def api_url(event: Mapping[str, Any], header: Callable[[str], str]) -> str:
    """Return the URL of the API as the caller of a request sees it: with the stage, or the base path of a domain, if it
    has one. `header` returns the value of a header of the gateway's event."""
    path = str((event.get("requestContext") or {}).get("path") or "")
    before = path.removesuffix(str(event.get("path") or ""))
    return f"{header('X-Forwarded-Proto') or 'http'}://{header('Host')}{before}"
