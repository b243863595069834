"""What the REQUEST authorizer answers: a policy, and who is calling in its context."""

from collections.abc import Mapping
from typing import Any, Protocol

from interlock.domain.access import ApiKey, hash_key
from interlock.domain.times import rfc3339
from interlock.ports import Clock


class Keys(Protocol):
    """Where API keys are found by their hash."""

    def get(self, key_hash: str) -> ApiKey | None:
        """Finds a key."""


def decision(event: Mapping[str, Any], keys: Keys, clock: Clock) -> dict[str, Any]:
    """Allow for a key that is known and not expired, else Deny, which the gateway answers with 401.

    The policy covers the whole stage: the gateway caches it for the key, whatever route it was asked for first.
    """
    given = next((value for name, value in (event.get("headers") or {}).items() if name.lower() == "x-api-key"), "")
    now = clock()
    key = keys.get(hash_key(given)) if given else None
    if key is None or not key.valid(now):
        return _policy("Deny", event["methodArn"], "unknown", {"timestamp": rfc3339(now)})
    context = {"tenant": key.tenant, "key_id": key.key_id, "scopes": " ".join(sorted(key.scopes))}
    return _policy("Allow", event["methodArn"], key.key_id, context)


def _policy(effect: str, method_arn: str, principal: str, context: Mapping[str, str]) -> dict[str, Any]:
    api, stage = method_arn.split("/")[:2]
    statement = {"Action": "execute-api:Invoke", "Effect": effect, "Resource": f"{api}/{stage}/*"}
    return {
        "principalId": principal,
        "policyDocument": {"Version": "2012-10-17", "Statement": [statement]},
        "context": dict(context),
    }
