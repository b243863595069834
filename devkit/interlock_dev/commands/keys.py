"""`interlock keys`: makes, lists, revokes and rotates the API keys of the running local stack or of a deployed one."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from ulid import ULID

from interlock.adapters.dynamo.keys import DynamoKeys, KeyIsOver
from interlock.domain.access import ApiKey, hash_key
from interlock.domain.errors import ServiceUnavailable
from interlock.domain.key_format import HINT_LENGTH, generate_key
from interlock.domain.times import rfc3339, utc_now
from interlock_dev.project.errors import UsageError
from interlock_dev.project.paths import Project

_CONFIG = Config(connect_timeout=5, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 3})
_COLUMNS = ("key_id", "tenant", "scopes", "state", "expires_at", "rate", "concurrency", "hint", "note")


def run(arguments: Namespace) -> int:
    """Carries out one of the actions. Raises `UsageError`."""
    action = {"create": _create, "list": _list, "revoke": _revoke, "rotate": _rotate}[arguments.action]
    try:
        keys = _deployed(arguments.stack) if arguments.stack else _local()
        action(keys, arguments)
    except ServiceUnavailable as error:
        raise UsageError(f"the table cannot be used: {_one_line(error.__cause__)}") from error
    except (BotoCoreError, ClientError) as error:
        raise UsageError(f"AWS refuses: {_one_line(error)}") from error
    return 0


# --- Where the keys are ---


def _local() -> DynamoKeys:
    running = Project.find(Path.cwd()).running()
    if running is None:
        raise UsageError("no local stack runs: start one with `interlock dev`, or name a deployed one with --stack")
    session = boto3.session.Session(running.access_key.id, running.access_key.secret, region_name="us-east-1")
    client = session.client("dynamodb", endpoint_url=running.aws_endpoint_url, config=_CONFIG.merge(Config(proxies={})))
    return DynamoKeys(client, running.table)


def _deployed(stack: str) -> DynamoKeys:
    """With whatever credentials and region the AWS SDK finds."""
    described = boto3.client("cloudformation", config=_CONFIG).describe_stacks(StackName=stack)
    outputs = {one["OutputKey"]: one["OutputValue"] for one in described["Stacks"][0].get("Outputs", [])}
    if "TableName" not in outputs:
        raise UsageError(f"--stack: {stack} has no output TableName: it is not a stack of Interlock")
    return DynamoKeys(boto3.client("dynamodb", config=_CONFIG), outputs["TableName"])


# --- The actions ---


def _create(keys: DynamoKeys, asked: Namespace) -> None:
    now = utc_now()
    secret, key = _new(
        now,
        tenant=asked.tenant,
        scopes=asked.scopes,
        expires_at=None if asked.expires is None else now + asked.expires,
        rate=asked.rate,
        concurrency=asked.concurrency,
        note=asked.note,
    )
    keys.create(key)
    _show_once(secret, key, asked)


def _list(keys: DynamoKeys, asked: Namespace) -> None:
    documents = [_document(key) for key in keys.listed(asked.tenant)]
    if asked.json:
        _print(json.dumps(documents, indent=2))
    else:
        _print(_table([_COLUMNS, *([_cell(one[name]) for name in _COLUMNS] for one in documents)]))


def _revoke(keys: DynamoKeys, asked: Namespace) -> None:
    key = _found(keys, asked.key_id)
    key = replace(key, revoked_at=keys.revoke(key, utc_now()))
    _print(json.dumps(_document(key)) if asked.json else f"{key.key_id} is revoked")


def _rotate(keys: DynamoKeys, asked: Namespace) -> None:
    old, now = _found(keys, asked.key_id), utc_now()
    if not old.valid(now):
        raise UsageError(f"key {old.key_id} is {_state(old, now)}: make a new one with `interlock keys create`")
    lifetime = asked.expires or _lifetime(old)
    secret, new = _new(
        now,
        tenant=old.tenant,
        scopes=old.scopes,
        expires_at=lifetime and now + lifetime,
        rate=old.rate,
        concurrency=old.concurrency,
        note=old.note,
    )
    ends = min(now + asked.overlap, old.expires_at or datetime.max.replace(tzinfo=now.tzinfo))
    try:
        keys.rotate(old, new, old_expires_at=ends)
    except KeyIsOver:
        raise UsageError(f"key {old.key_id} is revoked: make a new one with `interlock keys create`") from None
    _show_once(secret, new, asked, replaces={"key_id": old.key_id, "expires_at": rfc3339(ends)})


def _new(now: datetime, **fields: Any) -> tuple[str, ApiKey]:
    """A key that is not written yet, and its secret, which never is."""
    secret = generate_key()
    key = ApiKey(key_hash=hash_key(secret), key_id=str(ULID()), created_at=now, hint=secret[-HINT_LENGTH:], **fields)
    return secret, key


def _found(keys: DynamoKeys, key_id: str) -> ApiKey:
    key = keys.find(key_id)
    if key is None:
        raise UsageError(f"there is no key with the id {key_id!r}: see `interlock keys list`")
    return key


def _lifetime(key: ApiKey) -> timedelta | None:
    """How long a key was made for."""
    return None if key.expires_at is None or key.created_at is None else key.expires_at - key.created_at


# --- What is shown ---


def _show_once(secret: str, key: ApiKey, asked: Namespace, replaces: Mapping[str, str] | None = None) -> None:
    document = {"key": secret, **_document(key), **({"replaces": replaces} if replaces else {})}
    if asked.json:
        _print(json.dumps(document))
        return
    _print("\n".join(f"{name:<12} {_cell(document[name])}" for name in ("key", "key_id", "tenant", "scopes")))
    _print(f"{'expires_at':<12} {document['expires_at'] or 'never'}")
    if replaces:
        _print(f"{'replaces':<12} {replaces['key_id']}, which works until {replaces['expires_at']}")
    sys.stderr.write("The key is shown this once and kept nowhere.\n")


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
