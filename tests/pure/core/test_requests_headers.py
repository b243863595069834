"""Parsing of the authorizer's context, headers and queries as received from the gateway."""

import time
from typing import Any

import pytest
from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent

from interlock.domain.access import Scope
from interlock.domain.errors import Forbidden, InvalidRequest, Unauthorized
from interlock.http.requests import authorized, header, idempotency_key, preferences, query, single
from tests.fakes.world import rest_event
from tests.pure.core.gateway_events import event

# --- Authorization ---


def authorized_by(authorizer: dict[str, str] | None, scope: Scope = Scope.EXECUTE) -> Any:
    return authorized(APIGatewayProxyEvent(rest_event("GET", "/", authorizer=authorizer)), scope)


def test_principal_is_read_from_the_authorizer_context() -> None:
    principal = authorized_by({"tenant": "acme", "key_id": "k1", "scopes": "execute jobs:read"})
    assert (principal.tenant, principal.key_id, principal.scopes) == ("acme", "k1", {"execute", "jobs:read"})


@pytest.mark.parametrize("authorizer", [None, {}, {"tenant": ""}, {"scopes": "admin"}])
def test_request_without_a_tenant_is_unauthorized(authorizer: dict[str, str] | None) -> None:
    with pytest.raises(Unauthorized):
        authorized_by(authorizer)


@pytest.mark.parametrize("scopes", ["", "jobs:read", "executes", "execute,admin"])
def test_missing_scope_is_named(scopes: str) -> None:
    with pytest.raises(Forbidden) as caught:
        authorized_by({"tenant": "acme", "scopes": scopes})
    assert caught.value.details == {"scope": "execute"}


# --- Headers ---


def test_header_names_are_case_insensitive() -> None:
    assert header(event(PREFER="respond-async"), "Prefer") == "respond-async"
    assert header(event(), "Prefer") == ""


def test_repeated_headers_are_joined_whatever_their_case() -> None:
    several = rest_event("POST", "/") | {"multiValueHeaders": {"Prefer": ["a", "b"], "prefer": ["c"]}}
    assert header(APIGatewayProxyEvent(several), "PREFER") == "a, b, c"


def test_single_value_headers_are_used_without_multi_value_headers() -> None:
    single_headers = rest_event("POST", "/", headers={"prefer": "x"}) | {"multiValueHeaders": None}
    assert header(APIGatewayProxyEvent(single_headers), "Prefer") == "x"


@pytest.mark.parametrize(
    ("prefer", "wait_s"),
    [
        ("", None),
        ("wait=10", 10),
        ("return=minimal", None),
        ("respond-asynchronously", None),
        ("respond-async", 0),
        ("Respond-Async", 0),
        ("respond-async, wait=10", 10),
        ("respond-async,wait=10", 10),
        ("wait=20, respond-async", 20),
        ("respond-async, wait=0", 0),
        ('respond-async, wait="7"', 7),
        ("respond-async, WAIT = 7", 7),
        ("respond-async, wait=5, wait=9", 5),
        ("respond-async; wait=5", 0),
        ("respond-async; foo=bar, wait=5; baz", 5),
        ("handling=lenient, respond-async , return=minimal", 0),
        ("respond-async=", 0),
        # A quoted value may contain the syntax of preferences.
        ('foo="x, respond-async"', None),
        ('foo="a;b\\", respond-async, wait=3", respond-async', 0),
    ],
)
def test_preferences_are_parsed_as_rfc_7240_defines(prefer: str, wait_s: int | None) -> None:
    assert preferences(event(Prefer=prefer), max_wait_s=20).execution_wait_s == wait_s


@pytest.mark.parametrize("wait", ["21", "-1", "1.5", "abc", "0x5", "²", "1_0", "9" * 900, "1 0"])
def test_invalid_wait_is_refused(wait: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        preferences(event(Prefer=f"respond-async, wait={wait}"), max_wait_s=20)
    assert "must be whole seconds from 0 to 20" in str(caught.value)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("part", ['"' + "\\" * 3, 'a="' + '\\"' * 40, ";", ',"'])
def test_long_prefer_is_refused_at_once(part: str) -> None:
    began = time.process_time()
    with pytest.raises(InvalidRequest, match=r"Prefer must have at most 1,000 characters\."):
        preferences(event(Prefer=part * 60_000), max_wait_s=20)
    assert time.process_time() - began < 1


def test_wait_may_have_leading_zeros() -> None:
    assert preferences(event(Prefer="respond-async, wait=007"), max_wait_s=20).wait_s == 7


@pytest.mark.parametrize(
    ("prefer", "max_wait_s", "wait_s", "applied", "wait_applied"),
    [
        ("wait=10", 20, 10, "wait=10", "wait=10"),
        ("wait=10", 4, 4, "wait=4", "wait=4"),
        ("wait=10", 0, None, None, None),
        ("wait=0", 20, 0, "wait=0", "wait=0"),
        ("respond-async, wait=10", 4, 4, "respond-async", "wait=4"),
        ("respond-async", 20, None, "respond-async", None),
        ("return=minimal", 20, None, None, None),
    ],
)
def test_wait_is_capped_and_the_applied_preference_is_named(
    prefer: str, max_wait_s: int, wait_s: int | None, applied: str | None, wait_applied: str | None
) -> None:
    found = preferences(event(Prefer=prefer), max_wait_s=max_wait_s)
    assert found.wait_s == wait_s
    assert found.applied.get("Preference-Applied") == applied
    assert found.wait_applied.get("Preference-Applied") == wait_applied


@pytest.mark.parametrize("key", ["a", "!~ x", "x" * 255])
def test_idempotency_key_is_used_unchanged(key: str) -> None:
    assert idempotency_key(event(Idempotency_Key=key)) == key


@pytest.mark.parametrize("key", ["", "x" * 256, "é", "a\tb", "a\n"])
def test_invalid_idempotency_key_is_refused(key: str) -> None:
    with pytest.raises(InvalidRequest, match="1 to 255 printable ASCII"):
        idempotency_key(event(Idempotency_Key=key))


@pytest.mark.parametrize(
    "several", [{"Idempotency-Key": ["k1", "k2"]}, {"Idempotency-Key": ["k1"], "idempotency-key": ["k1"]}]
)
def test_repeated_idempotency_key_is_refused(several: dict[str, list[str]]) -> None:
    twice = APIGatewayProxyEvent(rest_event("POST", "/") | {"multiValueHeaders": several})
    with pytest.raises(InvalidRequest, match="Idempotency-Key may be given only once"):
        idempotency_key(twice)


def test_missing_idempotency_key_is_none() -> None:
    assert idempotency_key(event()) is None


# --- The query ---


def query_event(**values: list[str]) -> APIGatewayProxyEvent:
    return APIGatewayProxyEvent(rest_event("GET", "/v1/jobs", query=values))


def test_query_is_read_from_multi_and_single_value_parameters() -> None:
    assert query(query_event(status=["a", "b"]), "status") == {"status": ["a", "b"]}
    old = rest_event("GET", "/v1/jobs", query={"limit": ["5"]}) | {"multiValueQueryStringParameters": None}
    assert query(APIGatewayProxyEvent(old), "limit") == {"limit": ["5"]}
    assert query(query_event(), "limit") == {}


def test_unknown_query_parameter_is_reported_with_the_known_ones() -> None:
    with pytest.raises(InvalidRequest, match=r"'statu'.*There are: plugin, status\."):
        query(query_event(statu=["failed"]), "plugin", "status")


def test_query_parameter_of_a_route_without_any_is_reported() -> None:
    assert query(query_event()) == {}
    with pytest.raises(InvalidRequest, match=r"'page'. This route takes none\."):
        query(query_event(page=["2"]))


def test_repeated_or_empty_parameter_is_reported() -> None:
    assert single({"limit": ["5"]}, "limit") == "5"
    assert single({}, "limit") is None
    with pytest.raises(InvalidRequest, match="may be given only once"):
        single({"limit": ["5", "5"]}, "limit")
    with pytest.raises(InvalidRequest, match="is empty"):
        single({"limit": [""]}, "limit")
