"""`interlock keys`: create, list, revoke and rotate API keys of the running local stack or of a deployed one."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from ulid import ULID

from interlock.adapters.dynamo.keys import DynamoKeys, KeyIsOver
from interlock.domain.access import ApiKey, hash_key
from interlock.domain.errors import ServiceUnavailable
from interlock.domain.key_format import HINT_LENGTH, generate_key
from interlock.domain.rate import Rate
from interlock.domain.times import rfc3339, utc_now
from interlock_dev.commands.exits import CommandFailed, Exit
from interlock_dev.commands.options import KeyTarget
from interlock_dev.commands.remote.deployed import CONFIG, aws_errors, client, output
from interlock_dev.project.errors import UsageError
from interlock_dev.project.paths import Project

_COLUMNS = ("key_id", "tenant", "scopes", "state", "expires_at", "rate", "concurrency", "hint", "note")


# --- Where the keys are ---


@contextmanager
def _table_of(target: KeyTarget) -> Iterator[DynamoKeys]:
    """Open the table of keys. Errors of AWS in the body of the context become `UsageError`."""
    try:
        with aws_errors():
            yield _deployed(target.stack) if target.stack else _local(target.port)
    except ServiceUnavailable as error:
        raise CommandFailed(f"the table cannot be used: {_one_line(error.__cause__)}", Exit.UNREACHABLE) from error


def _local(port: int | None) -> DynamoKeys:
    running = Project.find(Path.cwd()).running(port)
    if running is None:
        where = "" if port is None else f" on port {port}"
        raise CommandFailed(
            f"no local stack runs{where}: start one with `interlock dev`, or name a deployed one with --stack",
            Exit.UNREACHABLE,
        )
    session = boto3.session.Session(running.access_key.id, running.access_key.secret, region_name="us-east-1")
    dynamodb = session.client(
        "dynamodb", endpoint_url=running.aws_endpoint_url, config=CONFIG.merge(Config(proxies={}))
    )
    return DynamoKeys(dynamodb, running.table)


def _deployed(stack: str) -> DynamoKeys:
    """Open the table of a deployed stack with the credentials and region that the AWS SDK finds."""
    return DynamoKeys(client("dynamodb"), output(stack, "TableName"))


# --- The actions ---


def create(
    target: KeyTarget,
    *,
    tenant: str,
    scopes: frozenset[str],
    expires: timedelta | None,
    rate: Rate | None,
    concurrency: int | None,
    note: str | None,
) -> None:
    """Create a key and print it. Raises `UsageError`, as all actions do."""
    now = utc_now()
    ends = None if expires is None else now + expires
    secret, key = _new(
        now, tenant=tenant, scopes=scopes, expires_at=ends, rate=rate, concurrency=concurrency, note=note
    )
    with _table_of(target) as keys:
        keys.create(key)
    _show_once(secret, key, target)


def show(target: KeyTarget, tenant: str | None) -> None:
    """Print all keys, or those of a tenant."""
    with _table_of(target) as keys:
        documents = [_document(key) for key in keys.listed(tenant)]
    if target.json:
        _print(json.dumps(documents, indent=2))
    else:
        _print(_table([_COLUMNS, *([_cell(one[name]) for name in _COLUMNS] for one in documents)]))


def revoke(target: KeyTarget, key_id: str) -> None:
    """Revoke a key."""
    with _table_of(target) as keys:
        key = _found(keys, key_id)
        key = replace(key, revoked_at=keys.revoke(key, utc_now()))
    _print(json.dumps(_document(key)) if target.json else f"{key.key_id} is revoked")


def rotate(target: KeyTarget, key_id: str, *, overlap: timedelta, expires: timedelta | None) -> None:
    """Replace a key by one with the same rights, and print the new key. The old key remains valid for `overlap`."""
    with _table_of(target) as keys:
        old, now = _found(keys, key_id), utc_now()
        if not old.valid(now):
            raise UsageError(f"key {old.key_id} is {_state(old, now)}: create a new one with `interlock keys create`")
        lifetime = expires or _lifetime(old)
        rights = {name: getattr(old, name) for name in ("tenant", "scopes", "rate", "concurrency", "note")}
        secret, new = _new(now, expires_at=lifetime and now + lifetime, **rights)
        ends = min(now + overlap, old.expires_at or datetime.max.replace(tzinfo=now.tzinfo))
        try:
            keys.rotate(old, new, old_expires_at=ends)
        except KeyIsOver:
            raise UsageError(f"key {old.key_id} is revoked: create a new one with `interlock keys create`") from None
    _show_once(secret, new, target, replaces={"key_id": old.key_id, "expires_at": rfc3339(ends)})


def _new(now: datetime, **fields: Any) -> tuple[str, ApiKey]:
    """Return a new key, not stored yet, and its secret, which is never stored."""
    secret = generate_key()
    key = ApiKey(key_hash=hash_key(secret), key_id=str(ULID()), created_at=now, hint=secret[-HINT_LENGTH:], **fields)
    return secret, key


def _found(keys: DynamoKeys, key_id: str) -> ApiKey:
    key = keys.find(key_id)
    if key is None:
        raise UsageError(f"there is no key with the id {key_id!r}: see `interlock keys list`")
    return key


def _lifetime(key: ApiKey) -> timedelta | None:
    """Return the lifetime that a key was created with."""
    return None if key.expires_at is None or key.created_at is None else key.expires_at - key.created_at


# --- Output ---


def _show_once(secret: str, key: ApiKey, target: KeyTarget, replaces: Mapping[str, str] | None = None) -> None:
    document = {"key": secret, **_document(key), **({"replaces": replaces} if replaces else {})}
    if target.json:
        _print(json.dumps(document))
        return
    _print("\n".join(f"{name:<12} {_cell(document[name])}" for name in ("key", "key_id", "tenant", "scopes")))
    _print(f"{'expires_at':<12} {document['expires_at'] or 'never'}")
    _print("\n".join(f"{name:<12} {_cell(document[name])}" for name in ("rate", "concurrency", "note")))
    if replaces:
        _print(f"{'replaces':<12} {replaces['key_id']}, which works until {replaces['expires_at']}")
    sys.stderr.write("The key is shown this once and is not stored.\n")


def _document(key: ApiKey) -> dict[str, Any]:
    return {
        "key_id": key.key_id,
        "tenant": key.tenant,
        "scopes": sorted(key.scopes),
        "state": _state(key, utc_now()),
        "created_at": key.created_at and rfc3339(key.created_at),
        "expires_at": key.expires_at and rfc3339(key.expires_at),
        "revoked_at": key.revoked_at and rfc3339(key.revoked_at),
        "rate": key.rate and str(key.rate),
        "concurrency": key.concurrency,
        "note": key.note,
        "hint": key.hint,
    }


def _state(key: ApiKey, now: datetime) -> str:
    if key.revoked_at is not None:
        return "revoked"
    return "expired" if key.expired(now) else "active"


def _cell(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(value)
    return "-" if value is None else str(value)


def _table(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def _print(text: str) -> None:
    sys.stdout.write(f"{text}\n")


def _one_line(error: BaseException | None) -> str:
    return " ".join(str(error).split())
