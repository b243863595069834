"""What the REQUEST authorizer answers."""

from datetime import timedelta
from typing import Any

import pytest

from interlock.domain.access import ApiKey, hash_key
from interlock.http.authorizer import decision
from tests.fakes.outside import NOON, ManualClock

ARN = "arn:aws:execute-api:us-east-1:123456789012:api/prod/GET/v1/jobs/01J/result"


class KeyRing:
    """Keys by their hash; `asked` are the hashes asked for."""

    def __init__(self, *keys: ApiKey) -> None:
        self._keys = {key.key_hash: key for key in keys}
        self.asked: list[str] = []

    def get(self, key_hash: str) -> ApiKey | None:
        self.asked.append(key_hash)
        return self._keys.get(key_hash)


def a_key(secret: str = "secret", **fields: Any) -> ApiKey:
    given: dict[str, Any] = {"key_id": "k1", "tenant": "acme", "scopes": frozenset({"jobs:read", "execute"})}
    return ApiKey(hash_key(secret), **(given | fields))


def decide(keys: KeyRing, headers: dict[str, str] | None) -> dict[str, Any]:
    return decision({"methodArn": ARN, "headers": headers}, keys, ManualClock())


def effect(policy: dict[str, Any]) -> str:
    [statement] = policy["policyDocument"]["Statement"]
    return str(statement["Effect"])


def test_a_known_key_is_allowed_with_its_tenant_and_scopes() -> None:
    policy = decide(KeyRing(a_key()), {"X-API-Key": "secret"})
    assert policy == {
        "principalId": "k1",
        "policyDocument": {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Action": "execute-api:Invoke",
                    "Effect": "Allow",
                    # The whole stage: the gateway keeps the decision for the key, whatever route came first.
                    "Resource": "arn:aws:execute-api:us-east-1:123456789012:api/prod/*",
                }
            ],
        },
        "context": {"tenant": "acme", "key_id": "k1", "scopes": "execute jobs:read"},
    }


@pytest.mark.parametrize("name", ["X-API-Key", "x-api-key", "X-Api-Key"])
def test_the_header_is_found_in_whatever_case(name: str) -> None:
    assert effect(decide(KeyRing(a_key()), {"Accept": "*/*", name: "secret"})) == "Allow"


@pytest.mark.parametrize("headers", [None, {}, {"X-API-Key": ""}, {"Authorization": "secret"}])
def test_without_a_key_nothing_is_looked_up(headers: dict[str, str] | None) -> None:
    keys = KeyRing(a_key())
    assert effect(decide(keys, headers)) == "Deny"
    assert keys.asked == []


@pytest.mark.parametrize("given", ["Secret", "secret ", hash_key("secret")])
def test_an_unknown_key_is_denied_and_tells_nothing(given: str) -> None:
    policy = decide(KeyRing(a_key()), {"X-API-Key": given})
    assert effect(policy) == "Deny"
    assert policy["principalId"] == "unknown"
    # The envelope that the gateway makes of it takes its time from here.
    assert policy["context"] == {"timestamp": "2026-11-22T12:00:00.000Z"}


@pytest.mark.parametrize(("seconds", "expected"), [(0.001, "Allow"), (0, "Deny"), (-1, "Deny")])
def test_an_expired_key_is_denied(seconds: float, expected: str) -> None:
    keys = KeyRing(a_key(expires_at=NOON + timedelta(seconds=seconds)))
    assert effect(decide(keys, {"X-API-Key": "secret"})) == expected


def test_only_the_hash_of_a_key_is_ever_looked_up() -> None:
    keys = KeyRing()
    decide(keys, {"X-API-Key": "secret"})
    assert keys.asked == [hash_key("secret")]


def test_the_gateways_context_takes_text_alone() -> None:
    for headers in ({"X-API-Key": "secret"}, {}):
        assert all(isinstance(value, str) for value in decide(KeyRing(a_key()), headers)["context"].values())
