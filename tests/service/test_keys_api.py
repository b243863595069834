"""`/v1/keys` on a real table: keys of the caller's tenant only, and none with more rights than the caller's key."""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from interlock.adapters.dynamo.keys import DynamoKeys
from interlock.adapters.dynamo.rates import DynamoRates
from interlock.domain.access import ApiKey, KeyState, hash_key
from interlock.domain.key_format import is_mistyped
from interlock.domain.rate import Rate
from interlock.domain.times import from_rfc3339, rfc3339
from interlock.http.app import HttpApp
from interlock.http.keys import new_key
from interlock.http.limits import RateLimits
from interlock.http.routes_keys import add_key_routes
from tests.fakes.outside import NOON, ManualClock
from tests.fakes.world import Answer, LambdaContext, rest_event
from tests.service.conftest import Table

DAY = timedelta(days=1)


@dataclass
class Caller:
    """A caller with a key of its own, or with a token."""

    app: HttpApp
    keys: DynamoKeys
    clock: ManualClock
    tenant: str
    own: ApiKey | None

    def __call__(
        self, method: str, path: str = "/v1/keys", body: Any = None, query: Mapping[str, list[str]] | None = None
    ) -> Answer:
        key_id = self.own.key_id if self.own else "jwt-0123456789abcdef"
        authorizer = {"tenant": self.tenant, "key_id": key_id, "scopes": "admin"}
        text = None if body is None else json.dumps(body)
        event = rest_event(method, path, text=text, query=query, authorizer=authorizer)
        answer = self.app.resolve(event, LambdaContext())
        headers = {name: ", ".join(values) for name, values in answer["multiValueHeaders"].items()}
        return Answer(answer["statusCode"], headers, json.loads(answer["body"]))

    def create(self, **body: Any) -> Answer:
        return self("POST", body={"scopes": ["execute"], **body})

    def listed(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self("GET").body["keys"]
        return found


def caller(table: Table, tenant: str, *, token: bool = False, **own: Any) -> Caller:
    clock, keys = ManualClock(), DynamoKeys(table.client, table.name)
    app = HttpApp(RateLimits(DynamoRates(table.client, table.name), clock))
    add_key_routes(app, keys, clock)
    _, key = new_key(clock(), tenant=tenant, scopes=frozenset({"admin"}), **own)
    if not token:
        keys.create(key)
    return Caller(app.close_routes(), keys, clock, tenant, None if token else key)


@pytest.fixture
def admin(table: Table, tenant: str) -> Caller:
    return caller(table, tenant)


@pytest.fixture
def rival(table: Table, tenant: str) -> Caller:
    """The administrator of another tenant, whose name begins like the first one's."""
    return caller(table, f"{tenant}.b")


def paths(answer: Answer) -> list[str]:
    assert (answer.status, answer.error["code"]) == (400, "invalid_request"), answer.body
    return [one["path"] for one in answer.error["details"]["errors"]]


# --- Create ---


def test_created_key_is_stored_as_its_hash_for_the_tenant_of_the_caller(admin: Caller) -> None:
    answer = admin.create(
        scopes=["jobs:read", "execute"], name="the lab", rate="10/s", concurrency=4, expires_in_s=86_400
    )
    assert answer.status == 201
    assert answer.headers["Cache-Control"] == "no-store"
    key = answer.body["key"]
    assert not is_mistyped(key)
    stored = admin.keys.get(hash_key(key))
    assert stored is not None
    assert admin.own is not None
    assert stored == ApiKey(
        hash_key(key),
        answer.body["key_id"],
        admin.tenant,
        frozenset({"execute", "jobs:read"}),
        expires_at=NOON + DAY,
        created_at=NOON,
        rate=Rate(10, "s"),
        concurrency=4,
        name="the lab",
        hint=key[-4:],
        created_by=admin.own.key_id,
    )
    assert answer.body == {
        "key": key,
        "key_id": stored.key_id,
        "name": "the lab",
        "tenant": admin.tenant,
        "scopes": ["execute", "jobs:read"],
        "state": "active",
        "rate": "10/s",
        "concurrency": 4,
        "hint": key[-4:],
        "created_at": rfc3339(NOON),
        "created_by": admin.own.key_id,
        "expires_at": rfc3339(NOON + DAY),
        "revoked_at": None,
    }


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"scopes": []}, "/scopes"),
        ({"scopes": ["everything"]}, "/scopes/0"),
        ({"scopes": "admin"}, "/scopes"),
        ({"tenant": "rival"}, "/tenant"),
        ({"name": ""}, "/name"),
        ({"name": "x" * 201}, "/name"),
        ({"name": "two\nlines"}, "/name"),
        ({"rate": "many"}, "/rate"),
        ({"concurrency": 0}, "/concurrency"),
        ({"concurrency": 1.5}, "/concurrency"),
        ({"expires_in_s": 0}, "/expires_in_s"),
        ({"expires_in_s": 10**10}, "/expires_in_s"),
    ],
)
def test_bad_field_of_a_new_key_is_named(admin: Caller, body: dict[str, Any], path: str) -> None:
    assert paths(admin.create(**body)) == [path]
    assert [one["key_id"] for one in admin.listed()] == [admin.own and admin.own.key_id]


# --- No more rights than the key that creates ---


def test_new_key_has_the_limits_and_expiry_of_its_creator_unless_it_asks_for_less(table: Table, tenant: str) -> None:
    limited = caller(table, tenant, rate=Rate(10, "s"), concurrency=4, expires_at=NOON + DAY)
    same, less = limited.create().body, limited.create(rate="5/s", concurrency=2, expires_in_s=60).body
    names = ("rate", "concurrency", "expires_at")
    assert [same[name] for name in names] == ["10/s", 4, rfc3339(NOON + DAY)]
    assert [less[name] for name in names] == ["5/s", 2, rfc3339(NOON + timedelta(minutes=1))]


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"rate": "11/s"}, "/rate"),
        ({"rate": "600/m"}, "/rate"),  # the same mean, in larger bursts
        ({"concurrency": 5}, "/concurrency"),
        ({"expires_in_s": 86_401}, "/expires_in_s"),
    ],
)
def test_new_key_cannot_exceed_its_creator(table: Table, tenant: str, body: dict[str, Any], path: str) -> None:
    limited = caller(table, tenant, rate=Rate(10, "s"), concurrency=4, expires_at=NOON + DAY)
    assert paths(limited.create(**body)) == [path]
    assert len(limited.listed()) == 1


def test_caller_with_a_token_is_bound_by_its_tenant_only(table: Table, tenant: str) -> None:
    answer = caller(table, tenant, token=True).create(rate="100/s", concurrency=50)
    assert (answer.status, answer.body["tenant"], answer.body["expires_at"]) == (201, tenant, None)
    assert answer.body["created_by"] == "jwt-0123456789abcdef"


def test_revoked_key_that_the_authorizer_still_knows_creates_nothing(admin: Caller) -> None:
    assert admin.own is not None
    admin.keys.revoke(admin.own, NOON)
    answer = admin.create()
    assert (answer.status, answer.error["code"]) == (401, "unauthorized")
    assert len(admin.listed()) == 1


def test_key_revoked_between_read_and_write_creates_nothing(table: Table, admin: Caller) -> None:
    def revokes(**_: Any) -> None:
        assert admin.own is not None
        admin.keys.revoke(admin.own, NOON)

    event = "before-call.dynamodb.TransactWriteItems"
    table.client.meta.events.register(event, revokes, unique_id=admin.tenant)
    answer = admin.create()
    table.client.meta.events.unregister(event, unique_id=admin.tenant)
    assert (answer.status, answer.error["code"]) == (401, "unauthorized")
    assert [one["state"] for one in admin.listed()] == ["revoked"]


# --- List ---


def test_keys_are_listed_newest_first_on_pages_and_without_secrets(admin: Caller, rival: Caller) -> None:
    made = [admin.create(name=f"key {number}").body for number in range(4)]
    rival.create(name="the rival's")
    first = admin("GET", query={"limit": ["3"]})
    second = admin("GET", query={"limit": ["3"], "cursor": [first.body["next_cursor"]]})
    found = [*first.body["keys"], *second.body["keys"]]
    assert admin.own is not None
    ids = [admin.own.key_id, *(one["key_id"] for one in made)]
    assert [one["key_id"] for one in found] == sorted(ids, reverse=True)
    assert (first.body["count"], second.body["count"], second.body["next_cursor"]) == (3, 2, None)
    assert "key" not in found[0]
    for one in made:
        assert one["key"] not in json.dumps(found)
        assert hash_key(one["key"]) not in json.dumps(found)


@pytest.mark.parametrize("query", [{"limit": ["0"]}, {"limit": ["101"]}, {"cursor": ["a#b"]}, {"tenant": ["rival"]}])
def test_bad_query_of_the_list_is_refused(admin: Caller, query: Mapping[str, list[str]]) -> None:
    answer = admin("GET", query=query)
    assert (answer.status, answer.error["code"]) == (400, "invalid_request")


def test_expired_key_is_listed_as_such(admin: Caller) -> None:
    made = admin.create(expires_in_s=60).body
    admin.clock.advance(60)
    [found] = [one for one in admin.listed() if one["key_id"] == made["key_id"]]
    assert (found["state"], from_rfc3339(found["expires_at"])) == (KeyState.EXPIRED, NOON + timedelta(minutes=1))


# --- Revoke ---


def test_revoking_twice_keeps_the_first_time(admin: Caller) -> None:
    made = admin.create().body
    first = admin("DELETE", f"/v1/keys/{made['key_id']}")
    admin.clock.advance(60)
    second = admin("DELETE", f"/v1/keys/{made['key_id']}")
    assert (first.status, second.status) == (200, 200)
    assert first.body == second.body
    assert (first.body["state"], first.body["revoked_at"]) == ("revoked", rfc3339(NOON))
    stored = admin.keys.get(hash_key(made["key"]))
    assert stored is not None
    assert not stored.valid(NOON)


def test_key_of_another_tenant_does_not_exist(admin: Caller, rival: Caller) -> None:
    made = admin.create().body
    for key_id in (made["key_id"], "nobody", f"{admin.tenant}%23{made['key_id']}", "x" * 65, "%C3%A9"):
        answer = rival("DELETE", f"/v1/keys/{key_id}")
        assert (answer.status, answer.error["code"]) == (404, "not_found")
    assert [one["state"] for one in admin.listed()] == ["active", "active"]


# --- Log ---


def test_changes_are_logged_without_the_key(admin: Caller, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "interlock.http.routes_keys"):
        made = admin.create().body
        admin("DELETE", f"/v1/keys/{made['key_id']}")
    assert [(one.message, vars(one)["changed_key_id"]) for one in caplog.records] == [
        ("API key created", made["key_id"]),
        ("API key revoked", made["key_id"]),
    ]
    assert made["key"] not in str([vars(one) for one in caplog.records])
