"""Scopes and keys."""

import hashlib
from datetime import timedelta

import pytest

from interlock.domain.access import ApiKey, Principal, Scope, hash_key, is_tenant
from tests.fakes.outside import NOON


def test_the_scopes_are_those_of_the_contract() -> None:
    assert set(Scope) == {"execute", "jobs:read", "jobs:cancel", "plugins:read", "admin"}


@pytest.mark.parametrize("scope", list(Scope))
@pytest.mark.parametrize("held", list(Scope))
def test_a_scope_allows_itself_and_admin_allows_all(scope: Scope, held: Scope) -> None:
    principal = Principal("acme", "key", frozenset({held.value}))
    assert principal.allows(scope) is (held is scope or held is Scope.ADMIN)


def test_no_scope_allows_nothing() -> None:
    assert not any(Principal("acme", "key", frozenset()).allows(scope) for scope in Scope)


@pytest.mark.parametrize("name", ["a", "acme", "Acme-2.eu_west", "0", "a" * 64])
def test_names_of_tenants(name: str) -> None:
    assert is_tenant(name)


@pytest.mark.parametrize("name", ["", "a" * 65, "-a", ".a", "_a", "a/b", "a#b", "a b", "ä", "a\n", "../a", None, 7])
def test_text_that_cannot_be_part_of_a_key_is_not_a_tenant(name: object) -> None:
    assert not is_tenant(name)


@pytest.mark.parametrize(("seconds", "valid"), [(-0.001, True), (0, False), (1, False)])
def test_a_key_is_valid_until_it_expires(seconds: float, valid: bool) -> None:
    key = ApiKey("hash", "key", "acme", frozenset(), expires_at=NOON)
    assert key.valid(NOON + timedelta(seconds=seconds)) is valid


def test_a_key_without_an_end_stays_valid() -> None:
    assert ApiKey("hash", "key", "acme", frozenset()).valid(NOON + timedelta(days=10_000))


def test_a_key_is_kept_as_its_sha256() -> None:
    assert hash_key("secret") == hashlib.sha256(b"secret").hexdigest()


def test_a_key_of_any_bytes_has_a_hash() -> None:
    # A header may hold what is no UTF-8; it comes as surrogates.
    assert hash_key("secr\udcffet") == hashlib.sha256(b"secr\xffet").hexdigest()
