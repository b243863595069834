"""`interlock keys`: create, list, revoke and rotate API keys: in the table of the running local stack or of a deployed
one, for operators of any tenant, or through the API, for a tenant's own administrators."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import replace
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from interlock.adapters.dynamo.keys import DynamoKeys
from interlock.domain.access import ApiKey, KeyIsOver
from interlock.domain.rate import Rate
from interlock.domain.times import rfc3339, utc_now
from interlock.http.keys import key_document, new_key, new_key_document
from interlock_dev.commands.options import KeyTarget
from interlock_dev.commands.remote.output import console, print_json, table
from interlock_dev.commands.remote.target import connect
from interlock_dev.commands.tables import open_table, table_errors
from interlock_dev.project.errors import UsageError

_COLUMNS = ("key_id", "tenant", "scopes", "state", "expires_at", "rate", "concurrency", "hint", "name")


@dataclass(frozen=True, slots=True)
class NewKey:
    """The key to create. `tenant` is None for the API, which creates keys of its caller's tenant."""

    tenant: str | None
    scopes: frozenset[str]
    expires: timedelta | None
    rate: Rate | None
    concurrency: int | None
    name: str | None


def create(target: KeyTarget, wanted: NewKey) -> None:
    """Create a key and print it. Raise `UsageError`, as all actions do."""
    document: Mapping[str, Any]
    if target.service:
        with connect(target.service) as (interlock, _):
            document = interlock.create_key(
                sorted(wanted.scopes),  # type: ignore[arg-type]  # they were parsed as scopes
                name=wanted.name,
                expires_in_s=wanted.expires.total_seconds() if wanted.expires else None,
                rate=str(wanted.rate) if wanted.rate else None,
                concurrency=wanted.concurrency,
            )
    else:
        now = utc_now()
        secret, key = new_key(
            now,
            tenant=wanted.tenant,
            scopes=wanted.scopes,
            expires_at=now + wanted.expires if wanted.expires else None,
            rate=wanted.rate,
            concurrency=wanted.concurrency,
            name=wanted.name,
        )
        with _keys_of(target) as keys:
            keys.create(key)
        document = new_key_document(secret, key, now)
    _show_once(document, target)


def show(target: KeyTarget, tenant: str | None) -> None:
    """Print all keys, or those of a tenant."""
    documents: list[Mapping[str, Any]]
    if target.service:
        with connect(target.service) as (interlock, _):
            listed = interlock.keys()
            documents = [key for key in listed if tenant in {None, key["tenant"]}]
    else:
        with _keys_of(target) as keys:
            documents = [key_document(key, utc_now()) for key in keys.listed(tenant)]
    if target.json:
        print_json(documents)
    else:
        console().print(table(_COLUMNS, [[_text(one[name]) for name in _COLUMNS] for one in documents]))


def revoke(target: KeyTarget, key_id: str) -> None:
    """Revoke a key."""
    document: Mapping[str, Any]
    if target.service:
        with connect(target.service) as (interlock, _):
            document = interlock.revoke_key(key_id)
    else:
        with _keys_of(target) as keys:
            key = _found(keys, key_id)
            document = key_document(replace(key, revoked_at=keys.revoke(key, utc_now())), utc_now())
    if target.json:
        print_json(document)
    else:
        console().print(f"{document['key_id']} is revoked")


def rotate(target: KeyTarget, key_id: str, *, overlap: timedelta, expires: timedelta | None) -> None:
    """Replace a key by one with the same rights, and print the new key. The old key remains valid for `overlap`."""
    with _keys_of(target) as keys:
        old, now = _found(keys, key_id), utc_now()
        if not old.valid(now):
            raise UsageError(f"key {old.key_id} is {old.state(now)}: create a new one with `interlock keys create`")
        lifetime = expires or _lifetime(old)
        rights = {name: getattr(old, name) for name in ("tenant", "scopes", "rate", "concurrency", "name")}
        secret, new = new_key(now, expires_at=lifetime and now + lifetime, **rights)
        ends = min(now + overlap, old.expires_at or datetime.max.replace(tzinfo=now.tzinfo))
        try:
            keys.rotate(old, new, old_expires_at=ends)
        except KeyIsOver:
            raise UsageError(f"key {old.key_id} is revoked: create a new one with `interlock keys create`") from None
    document = new_key_document(secret, new, now)
    _show_once(document, target, replaces={"key_id": old.key_id, "expires_at": rfc3339(ends)})


@contextmanager
def _keys_of(target: KeyTarget) -> Iterator[DynamoKeys]:
    """Open the table of keys. Errors of AWS in the body of the context become `UsageError`."""
    with table_errors(), open_table(target.stack, target.port) as (dynamodb, name):
        yield DynamoKeys(dynamodb, name)


def _found(keys: DynamoKeys, key_id: str) -> ApiKey:
    key = keys.find(key_id)
    if key is None:
        raise UsageError(f"there is no key with the id {key_id!r}: see `interlock keys list`")
    return key


def _lifetime(key: ApiKey) -> timedelta | None:
    """Return the lifetime that a key was created with."""
    return None if key.expires_at is None or key.created_at is None else key.expires_at - key.created_at


def _show_once(document: Mapping[str, Any], target: KeyTarget, replaces: Mapping[str, str] | None = None) -> None:
    if target.json:
        print_json({**document, **({"replaces": replaces} if replaces else {})})
        return
    shown: Sequence[str] = ("key", "key_id", "tenant", "scopes", "expires_at", "rate", "concurrency", "name")
    lines = {name: _text(document[name]) for name in shown} | {"expires_at": document["expires_at"] or "never"}
    if replaces:
        lines["replaces"] = f"{replaces['key_id']}, which works until {replaces['expires_at']}"
    console().print("\n".join(f"{name:<12} {value}" for name, value in lines.items()))
    sys.stderr.write("The key is shown this once and is not stored.\n")


def _text(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(value)
    return "-" if value is None else str(value)
