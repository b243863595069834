"""Items of access: API keys, what they have used of their limits, and the service's own secrets. Pure, as
`values` is for jobs."""

from collections.abc import Mapping
from typing import Any

from interlock.adapters.dynamo.attributes import Item, from_integer, from_time, present, to_time
from interlock.domain.access import ApiKey
from interlock.domain.rate import Rate

KEY_LIST = "KEYS"
"""The partition that names every key by its tenant and id: to list and to find keys without a scan of the table."""


def api_key_key(key_hash: str) -> Item:
    return {"pk": f"KEY#{key_hash}", "sk": "KEY"}


def api_key_to_item(key: ApiKey) -> Item:
    item = {
        **api_key_key(key.key_hash),
        "key_id": key.key_id,
        "tenant": key.tenant,
        "scopes": sorted(key.scopes),
        "expires_at": to_time(key.expires_at),
        "created_at": to_time(key.created_at),
        "revoked_at": to_time(key.revoked_at),
        "rate": key.rate and str(key.rate),
        "concurrency": key.concurrency,
        "name": key.name,
        "hint": key.hint,
        "created_by": key.created_by,
    }
    return present(item)


def api_key_from_item(item: Mapping[str, Any]) -> ApiKey:
    rate, concurrency = item.get("rate"), item.get("concurrency")
    return ApiKey(
        key_hash=item["pk"].removeprefix("KEY#"),
        key_id=item["key_id"],
        tenant=item["tenant"],
        scopes=frozenset(item["scopes"]),
        expires_at=from_time(item.get("expires_at")),
        created_at=from_time(item.get("created_at")),
        revoked_at=from_time(item.get("revoked_at")),
        rate=Rate.parse(rate) if rate else None,
        concurrency=from_integer(concurrency),
        name=item.get("name"),
        hint=item.get("hint"),
        created_by=item.get("created_by"),
    )


def of_tenant(tenant: str) -> str:
    """Return the prefix of the sort keys of a tenant's listed keys. No tenant has a `#` in its name."""
    return f"{tenant}#"


def listed_key_key(tenant: str, key_id: str) -> Item:
    return {"pk": KEY_LIST, "sk": f"{of_tenant(tenant)}{key_id}"}


def listed_key_to_item(key: ApiKey) -> Item:
    """Return the item that lists a key. It holds nothing of the key that may change."""
    return {**listed_key_key(key.tenant, key.key_id), "key_id": key.key_id, "key_hash": key.key_hash}


def rate_key(key_id: str) -> Item:
    """Return the key of the item with a key's used rate: `next_us`, when its next request conforms."""
    return {"pk": f"RATE#{key_id}", "sk": "RATE"}


def slots_key(key_id: str) -> Item:
    """Return the key of the item with a key's used slots: `used`, the number of its unfinished jobs."""
    return {"pk": f"SLOTS#{key_id}", "sk": "SLOTS"}


def secret_key(name: str) -> Item:
    return {"pk": f"SECRET#{name}", "sk": "SECRET"}
