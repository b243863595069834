"""The response of the REQUEST authorizer: a policy, with the caller in its context."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Protocol

from msgspec import Struct

from interlock.domain.access import CHALLENGE, ApiKey, Principal, api_url, challenge_with_tokens, hash_key
from interlock.domain.key_format import is_mistyped
from interlock.domain.rate import Rate
from interlock.domain.times import rfc3339
from interlock.ports import Clock, InvalidToken, Tokens

NO_KEY = "An API key is required in the X-API-Key header."
MISTYPED = "The API key is mistyped: its checksum does not fit."
UNKNOWN_KEY = "The API key is unknown to this stack."
REVOKED = "The API key was revoked."
EXPIRED = "The API key has expired."

REMEMBERED_KEYS = 1000


class Keys(Protocol):
    """Finds API keys by their hash."""

    def get(self, key_hash: str) -> ApiKey | None:
        """Return a key, or None."""


class RememberedKeys:
    """Caches keys for a limited time. A revoked key keeps working for that time in this execution environment.

    Expiry is checked at each call. Unknown keys are read each time.
    """

    def __init__(self, keys: Keys, clock: Clock, *, lifetime: timedelta) -> None:
        self._keys = keys
        self._clock = clock
        self._lifetime = lifetime
        self._found: dict[str, tuple[datetime, ApiKey]] = {}

    def get(self, key_hash: str) -> ApiKey | None:
        now = self._clock()
        if key_hash in self._found:
            at, key = self._found[key_hash]
            # By wall-clock time: the monotonic clock stops while the environment is frozen.
            if timedelta(0) <= now - at < self._lifetime:
                return key
            del self._found[key_hash]
        found = self._keys.get(key_hash)
        if found is not None:
            if len(self._found) >= REMEMBERED_KEYS:
                self._found.clear()
            self._found[key_hash] = (now, found)
        return found


class KeyLimits(Struct, frozen=True):
    """Default limits of callers without limits of their own. None means no limit."""

    rate: Rate | None = None
    concurrency: int | None = None


NO_LIMITS = KeyLimits()


def decision(
    event: Mapping[str, Any], keys: Keys, clock: Clock, *, tokens: Tokens | None = None, limits: KeyLimits = NO_LIMITS
) -> dict[str, Any]:
    """Return Allow for a valid key, or for a valid token if tokens are accepted, otherwise Deny.

    The gateway answers a Deny with 401, and a raised `ServiceUnavailable` with 503.

    The policy covers the whole stage: scopes are checked by the functions, which know what a route needs.
    """
    try:
        principal, limits = _caller(event, keys, clock, tokens, limits)
    except InvalidToken as error:
        asked = CHALLENGE if tokens is None else challenge_with_tokens(api_url(event, partial(_header, event)))
        context = {"timestamp": rfc3339(clock()), "message": str(error), "challenge": asked}
        return _policy("Deny", event["methodArn"], "unknown", context)
    context = {"tenant": principal.tenant, "key_id": principal.key_id, "scopes": " ".join(sorted(principal.scopes))}
    if limits.rate is not None:
        context["rate"] = str(limits.rate)
    if limits.concurrency is not None:
        context["concurrency"] = str(limits.concurrency)
    return _policy("Allow", event["methodArn"], principal.key_id, context)


def _caller(
    event: Mapping[str, Any], keys: Keys, clock: Clock, tokens: Tokens | None, limits: KeyLimits
) -> tuple[Principal, KeyLimits]:
    """Return the caller and its limits. If there is a key and a token, the key counts. Raise `InvalidToken`."""
    given = _header(event, "x-api-key")
    scheme, _, token = _header(event, "authorization").partition(" ")
    if not given and tokens is not None and scheme.lower() == "bearer":
        return tokens.principal(token.strip()), limits
    if not given:
        raise InvalidToken(NO_KEY)
    if is_mistyped(given):
        raise InvalidToken(MISTYPED)
    key = keys.get(hash_key(given))
    if key is None:
        raise InvalidToken(UNKNOWN_KEY)
    if not key.valid(clock()):
        raise InvalidToken(REVOKED if key.revoked_at else EXPIRED)
    own = KeyLimits(key.rate or limits.rate, limits.concurrency if key.concurrency is None else key.concurrency)
    return Principal(key.tenant, key.key_id, key.scopes), own


def _header(event: Mapping[str, Any], wanted: str) -> str:
    headers = (event.get("headers") or {}).items()
    return next((value for name, value in headers if name.lower() == wanted.lower()), "")


def _policy(effect: str, method_arn: str, principal: str, context: Mapping[str, str]) -> dict[str, Any]:
    api, stage = method_arn.split("/")[:2]
    statement = {"Action": "execute-api:Invoke", "Effect": effect, "Resource": f"{api}/{stage}/*"}
    return {
        "principalId": principal,
        "policyDocument": {"Version": "2012-10-17", "Statement": [statement]},
        "context": dict(context),
    }
