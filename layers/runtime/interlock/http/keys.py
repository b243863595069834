"""API keys: create a new key, and present keys as documents. Used by the routes and by `interlock keys`."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol

from ulid import ULID

from interlock.domain.access import ApiKey, Scope, hash_key
from interlock.domain.key_format import HINT_LENGTH, generate_key
from interlock.domain.times import rfc3339
from interlock.http import documents


class KeyStore(Protocol):
    """The API keys of all tenants. Raises `ServiceUnavailable` like `interlock.ports.JobStore`."""

    def create(self, key: ApiKey, creator: ApiKey | None = None) -> None:
        """Write a new key. Raise `KeyIsOver` if the key of the creator was revoked."""

    def find(self, key_id: str, tenant: str | None = None) -> ApiKey | None:
        """Return a tenant's key, or None."""

    def page(self, tenant: str, *, limit: int, before_id: str | None) -> tuple[Sequence[ApiKey], str | None]:
        """Return a page of a tenant's keys, newest first, and the id to continue after (None: no more)."""

    def revoke(self, key: ApiKey, now: datetime) -> datetime:
        """Revoke a key, and return the time of its revocation: an earlier one if the key was already revoked."""


def new_key(now: datetime, **fields: Any) -> tuple[str, ApiKey]:
    """Return a new key, which is never stored, and its `ApiKey`, which is to be stored."""
    secret = generate_key()
    key = ApiKey(key_hash=hash_key(secret), key_id=str(ULID()), created_at=now, hint=secret[-HINT_LENGTH:], **fields)
    return secret, key


def key_document(key: ApiKey, now: datetime) -> documents.ApiKey:
    """Return the document of a key, without the key itself."""
    return {
        "key_id": key.key_id,
        "name": key.name,
        "tenant": key.tenant,
        "scopes": [Scope(one) for one in sorted(key.scopes)],
        "state": key.state(now),
        "rate": str(key.rate) if key.rate else None,
        "concurrency": key.concurrency,
        "hint": key.hint,
        "created_at": _time(key.created_at),
        "created_by": key.created_by,
        "expires_at": _time(key.expires_at),
        "revoked_at": _time(key.revoked_at),
    }


def new_key_document(secret: str, key: ApiKey, now: datetime) -> documents.NewApiKey:
    """Return the document of a new key, with the key itself, which is shown only once."""
    return {"key": secret, **key_document(key, now)}


def key_list(keys: Sequence[ApiKey], next_cursor: str | None, now: datetime) -> documents.ApiKeyList:
    """Return a page of keys."""
    page = [key_document(key, now) for key in keys]
    return {"keys": page, "count": len(page), "next_cursor": next_cursor}


def _time(moment: datetime | None) -> str | None:
    return rfc3339(moment) if moment else None
