"""What the REQUEST authorizer answers: a policy, and who is calling in its context."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from interlock.domain.access import ApiKey, Principal, hash_key
from interlock.domain.key_format import is_mistyped
from interlock.domain.rate import Rate
from interlock.domain.times import rfc3339
from interlock.ports import Clock, InvalidToken, Tokens

NO_KEY = "A valid API key is required in the X-API-Key header."
MISTYPED = "The API key is mistyped: its checksum does not fit."

REMEMBERED_KEYS = 1000


class Keys(Protocol):
    """Where API keys are found by their hash."""

    def get(self, key_hash: str) -> ApiKey | None:
        """Finds a key."""


class RememberedKeys:
    """Keys that were found stay known for a while: what is revoked meanwhile works on for that long in this execution
    environment. When they expire is seen at each call. Unknown ones are looked for each time."""

    def __init__(self, keys: Keys, clock: Clock, *, lifetime: timedelta) -> None:
        self._keys = keys
        self._clock = clock
        self._lifetime = lifetime
        self._found: dict[str, tuple[datetime, ApiKey]] = {}

    def get(self, key_hash: str) -> ApiKey | None:
        now = self._clock()
        if key_hash in self._found:
            at, key = self._found[key_hash]
            # By the clock on the wall: a monotonic one stands still while the environment is frozen.
            if timedelta(0) <= now - at < self._lifetime:
                return key
            del self._found[key_hash]
        found = self._keys.get(key_hash)
        if found is not None:
            if len(self._found) >= REMEMBERED_KEYS:
                self._found.clear()
            self._found[key_hash] = (now, found)
        return found


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of whoever has none of their own; None: no limit."""

    rate: Rate | None = None
    concurrency: int | None = None


NO_LIMITS = Limits()


def decision(
    event: Mapping[str, Any], keys: Keys, clock: Clock, *, tokens: Tokens | None = None, limits: Limits = NO_LIMITS
) -> dict[str, Any]:
    """Allow for a key that is known and neither expired nor revoked, or for a valid token where such are taken; else
    Deny, which the gateway answers with 401. Raises `ServiceUnavailable`, which it answers with 503.

    The policy covers the whole stage: scopes are checked by the functions, which know what a route needs.
    """
    try:
        principal, limits = _caller(event, keys, clock, tokens, limits)
    except InvalidToken as error:
        context = {"timestamp": rfc3339(clock()), "message": str(error)}
        return _policy("Deny", event["methodArn"], "unknown", context)
    context = {"tenant": principal.tenant, "key_id": principal.key_id, "scopes": " ".join(sorted(principal.scopes))}
    if limits.rate is not None:
        context["rate"] = str(limits.rate)
    if limits.concurrency is not None:
        context["concurrency"] = str(limits.concurrency)
    return _policy("Allow", event["methodArn"], principal.key_id, context)


def _caller(
    event: Mapping[str, Any], keys: Keys, clock: Clock, tokens: Tokens | None, limits: Limits
) -> tuple[Principal, Limits]:
    """Who is calling, and with which limits. With a key and a token the key decides. Raises `InvalidToken`."""
    given = _header(event, "x-api-key")
    scheme, _, token = _header(event, "authorization").partition(" ")
    if not given and tokens is not None and scheme.lower() == "bearer":
        return tokens.principal(token.strip()), limits
    if is_mistyped(given):
        raise InvalidToken(MISTYPED)
    key = keys.get(hash_key(given)) if given else None
    if key is None or not key.valid(clock()):
        raise InvalidToken(NO_KEY)
    own = Limits(key.rate or limits.rate, limits.concurrency if key.concurrency is None else key.concurrency)
    return Principal(key.tenant, key.key_id, key.scopes), own


def _header(event: Mapping[str, Any], wanted: str) -> str:
    return next((value for name, value in (event.get("headers") or {}).items() if name.lower() == wanted), "")


def _policy(effect: str, method_arn: str, principal: str, context: Mapping[str, str]) -> dict[str, Any]:
    api, stage = method_arn.split("/")[:2]
    statement = {"Action": "execute-api:Invoke", "Effect": effect, "Resource": f"{api}/{stage}/*"}
    return {
        "principalId": principal,
        "policyDocument": {"Version": "2012-10-17", "Statement": [statement]},
        "context": dict(context),
    }
