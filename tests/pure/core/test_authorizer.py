"""Decisions of the REQUEST authorizer."""

from datetime import timedelta
from typing import Any

import pytest

from interlock.domain.access import ApiKey, Principal, hash_key
from interlock.domain.key_format import generate_key
from interlock.domain.rate import Rate
from interlock.http.authorizer import (
    EXPIRED,
    MISTYPED,
    NO_KEY,
    REMEMBERED_KEYS,
    REVOKED,
    UNKNOWN_KEY,
    KeyLimits,
    RememberedKeys,
    decision,
)
from interlock.ports import InvalidToken
from tests.fakes.outside import NOON, ManualClock

ARN = "arn:aws:execute-api:us-east-1:123456789012:api/prod/GET/v1/jobs/01J/result"


class KeyRing:
    """An in-memory key store that records the hashes looked up."""

    def __init__(self, *keys: ApiKey) -> None:
        self._keys = {key.key_hash: key for key in keys}
        self.lookups: list[str] = []

    def get(self, key_hash: str) -> ApiKey | None:
        self.lookups.append(key_hash)
        return self._keys.get(key_hash)


def a_key(secret: str = "secret", **fields: Any) -> ApiKey:
    given: dict[str, Any] = {"key_id": "k1", "tenant": "acme", "scopes": frozenset({"jobs:read", "execute"})}
    return ApiKey(hash_key(secret), **(given | fields))


def decide(keys: KeyRing, headers: dict[str, str] | None) -> dict[str, Any]:
    return decision({"methodArn": ARN, "headers": headers}, keys, ManualClock())


def effect(policy: dict[str, Any]) -> str:
    [statement] = policy["policyDocument"]["Statement"]
    return str(statement["Effect"])


def test_known_key_is_allowed_with_its_tenant_and_scopes() -> None:
    policy = decide(KeyRing(a_key()), {"X-API-Key": "secret"})
    assert policy == {
        "principalId": "k1",
        "policyDocument": {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Action": "execute-api:Invoke",
                    "Effect": "Allow",
                    # The whole stage: the functions check the scopes, since they know which scope a route needs.
                    "Resource": "arn:aws:execute-api:us-east-1:123456789012:api/prod/*",
                }
            ],
        },
        "context": {"tenant": "acme", "key_id": "k1", "scopes": "execute jobs:read"},
    }


@pytest.mark.parametrize("name", ["X-API-Key", "x-api-key", "X-Api-Key"])
def test_api_key_header_name_is_case_insensitive(name: str) -> None:
    assert effect(decide(KeyRing(a_key()), {"Accept": "*/*", name: "secret"})) == "Allow"


@pytest.mark.parametrize("headers", [None, {}, {"X-API-Key": ""}, {"Authorization": "secret"}])
def test_request_without_a_key_causes_no_lookup(headers: dict[str, str] | None) -> None:
    keys = KeyRing(a_key())
    policy = decide(keys, headers)
    assert (effect(policy), policy["context"]["message"]) == ("Deny", NO_KEY)
    assert keys.lookups == []


@pytest.mark.parametrize("given", ["Secret", "secret ", hash_key("secret")])
def test_unknown_key_is_denied_without_details(given: str) -> None:
    policy = decide(KeyRing(a_key()), {"X-API-Key": given})
    assert effect(policy) == "Deny"
    assert policy["principalId"] == "unknown"
    # The gateway builds the envelope from this context, its timestamp included.
    context = {"timestamp": "2026-11-22T12:00:00.000Z", "message": UNKNOWN_KEY, "challenge": 'ApiKey realm="interlock"'}
    assert policy["context"] == context


@pytest.mark.parametrize(("seconds", "expected"), [(0.001, "Allow"), (0, "Deny"), (-1, "Deny")])
def test_expired_key_is_denied(seconds: float, expected: str) -> None:
    keys = KeyRing(a_key(expires_at=NOON + timedelta(seconds=seconds)))
    policy = decide(keys, {"X-API-Key": "secret"})
    assert effect(policy) == expected
    assert policy["context"].get("message") == (EXPIRED if expected == "Deny" else None)


def test_key_is_looked_up_by_its_hash_only() -> None:
    keys = KeyRing()
    decide(keys, {"X-API-Key": "secret"})
    assert keys.lookups == [hash_key("secret")]


def test_context_values_are_strings() -> None:
    for headers in ({"X-API-Key": "secret"}, {}):
        assert all(isinstance(value, str) for value in decide(KeyRing(a_key()), headers)["context"].values())


def test_revoked_key_is_denied() -> None:
    policy = decide(KeyRing(a_key(revoked_at=NOON)), {"X-API-Key": "secret"})
    assert (effect(policy), policy["context"]["message"]) == ("Deny", REVOKED)


def test_mistyped_key_is_denied_without_a_lookup() -> None:
    keys, key = KeyRing(), generate_key()
    typo = key[:-1] + ("a" if key[-1] != "a" else "b")
    assert decide(keys, {"X-API-Key": typo})["context"]["message"] == MISTYPED
    assert keys.lookups == []
    assert decide(keys, {"X-API-Key": key})["context"]["message"] == UNKNOWN_KEY
    assert keys.lookups == [hash_key(key)]


# --- Limits ---


@pytest.mark.parametrize(
    ("own", "default", "expected"),
    [
        ({}, KeyLimits(), {}),
        ({"rate": Rate(3, "s"), "concurrency": 2}, KeyLimits(), {"rate": "3/s", "concurrency": "2"}),
        ({}, KeyLimits(Rate(9, "m"), 7), {"rate": "9/m", "concurrency": "7"}),
        ({"rate": Rate(3, "s")}, KeyLimits(Rate(9, "m"), 7), {"rate": "3/s", "concurrency": "7"}),
    ],
)
def test_limits_of_a_key_override_the_defaults_of_the_stack(
    own: dict[str, Any], default: KeyLimits, expected: dict[str, str]
) -> None:
    event = {"methodArn": ARN, "headers": {"X-API-Key": "secret"}}
    context = decision(event, KeyRing(a_key(**own)), ManualClock(), limits=default)["context"]
    assert {name: value for name, value in context.items() if name in {"rate", "concurrency"}} == expected


# --- Remembered keys ---


def remembered(*keys: ApiKey) -> tuple[KeyRing, ManualClock, RememberedKeys]:
    ring, clock = KeyRing(*keys), ManualClock()
    return ring, clock, RememberedKeys(ring, clock, lifetime=timedelta(seconds=10))


def test_key_is_looked_up_once_per_cache_lifetime() -> None:
    ring, clock, keys = remembered(a_key())
    for _ in range(10):
        assert keys.get(hash_key("secret")) == a_key()
        clock.advance(0.999)
    assert len(ring.lookups) == 1
    clock.advance(0.01)
    keys.get(hash_key("secret"))
    assert len(ring.lookups) == 2


def test_revoked_key_is_denied_at_its_next_lookup() -> None:
    ring, clock, keys = remembered(a_key())
    event = {"methodArn": ARN, "headers": {"X-API-Key": "secret"}}
    assert effect(decision(event, keys, clock)) == "Allow"
    ring._keys[hash_key("secret")] = a_key(revoked_at=clock())
    clock.advance(9.9)
    assert effect(decision(event, keys, clock)) == "Allow"
    clock.advance(0.1)
    assert effect(decision(event, keys, clock)) == "Deny"


def test_cached_key_expires_on_time() -> None:
    ring, clock, keys = remembered(a_key(expires_at=NOON + timedelta(seconds=1)))
    event = {"methodArn": ARN, "headers": {"X-API-Key": "secret"}}
    assert effect(decision(event, keys, clock)) == "Allow"
    clock.advance(1)
    assert effect(decision(event, keys, clock)) == "Deny"
    assert len(ring.lookups) == 1


def test_unknown_keys_are_not_cached() -> None:
    ring, _, keys = remembered()
    assert [keys.get("h"), keys.get("h")] == [None, None]
    assert len(ring.lookups) == 2
    ring._keys[hash_key("secret")] = a_key()
    assert keys.get(hash_key("secret")) is not None


def test_clock_set_back_invalidates_the_cache() -> None:
    ring, clock, keys = remembered(a_key())
    keys.get(hash_key("secret"))
    clock.advance(-60)
    keys.get(hash_key("secret"))
    assert len(ring.lookups) == 2


def test_number_of_cached_keys_is_bounded() -> None:
    many = [a_key(f"secret {number}") for number in range(REMEMBERED_KEYS + 10)]
    _, _, keys = remembered(*many)
    for key in many:
        assert keys.get(key.key_hash) == key
    assert len(keys._found) <= REMEMBERED_KEYS


# --- Tokens ---


class OneToken:
    """A token verifier that accepts only the token `good`."""

    def principal(self, token: str) -> Principal:
        if token != "good":
            raise InvalidToken("The token is not valid.")
        return Principal("acme", "jwt-1", frozenset({"execute"}))


def decide_with_tokens(headers: dict[str, str]) -> dict[str, Any]:
    event = {"methodArn": ARN, "headers": headers}
    return decision(event, KeyRing(a_key()), ManualClock(), tokens=OneToken(), limits=KeyLimits(Rate(5, "s")))


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
@pytest.mark.parametrize("name", ["Authorization", "authorization"])
def test_valid_token_is_allowed_with_the_limits_of_the_stack(name: str, scheme: str) -> None:
    policy = decide_with_tokens({name: f"{scheme} good"})
    assert effect(policy) == "Allow"
    assert policy["context"] == {"tenant": "acme", "key_id": "jwt-1", "scopes": "execute", "rate": "5/s"}


def test_invalid_token_is_denied_with_a_reason() -> None:
    policy = decide_with_tokens({"Authorization": "Bearer bad"})
    assert (effect(policy), policy["context"]["message"]) == ("Deny", "The token is not valid.")


@pytest.mark.parametrize("authorization", ["Basic good", "good", "Bearer", "", "Bearer  "])
def test_malformed_bearer_tokens_are_ignored(authorization: str) -> None:
    assert effect(decide_with_tokens({"Authorization": authorization})) == "Deny"


def test_key_takes_precedence_over_a_token() -> None:
    good, bad = {"X-API-Key": "secret"}, {"X-API-Key": "wrong"}
    assert decide_with_tokens({**good, "Authorization": "Bearer bad"})["context"]["key_id"] == "k1"
    assert effect(decide_with_tokens({**bad, "Authorization": "Bearer good"})) == "Deny"


def test_tokens_are_denied_without_a_configured_provider() -> None:
    assert effect(decide(KeyRing(a_key()), {"Authorization": "Bearer secret"})) == "Deny"


# --- Challenges ---


class NoTokens:
    """A token verifier that accepts no token."""

    def principal(self, token: str) -> Principal:
        raise InvalidToken("The token is not valid.")


@pytest.mark.parametrize(
    ("headers", "path", "base"),
    [
        ({"Host": "a1.example", "X-Forwarded-Proto": "https"}, "/prod/mcp", "https://a1.example/prod"),
        ({"Host": "tools.example", "X-Forwarded-Proto": "https"}, "/mcp", "https://tools.example"),
        ({"host": "127.0.0.1:3000"}, "/mcp", "http://127.0.0.1:3000"),
    ],
)
def test_denial_names_the_metadata_where_tokens_are_accepted(headers: dict[str, str], path: str, base: str) -> None:
    event = {"methodArn": ARN, "headers": headers, "path": "/mcp", "requestContext": {"path": path}}
    challenge = decision(event, KeyRing(), ManualClock(), tokens=NoTokens())["context"]["challenge"]
    assert challenge == (
        f'Bearer realm="interlock", resource_metadata="{base}/.well-known/oauth-protected-resource", '
        'scope="plugins:read execute jobs:read jobs:cancel", ApiKey realm="interlock"'
    )
