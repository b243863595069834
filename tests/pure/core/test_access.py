"""Scopes, tenant names and API keys."""

import hashlib
from datetime import timedelta

import pytest

from interlock.domain.access import ApiKey, Principal, Scope, hash_key, is_key_name, is_tenant
from tests.fakes.outside import NOON


def test_scopes_match_the_contract() -> None:
    assert set(Scope) == {"execute", "jobs:read", "jobs:cancel", "plugins:read", "admin"}


@pytest.mark.parametrize("scope", list(Scope))
@pytest.mark.parametrize("held", list(Scope))
def test_scope_allows_itself_and_admin_allows_everything(scope: Scope, held: Scope) -> None:
    principal = Principal("acme", "key", frozenset({held.value}))
    assert principal.allows(scope) is (held is scope or held is Scope.ADMIN)


def test_principal_without_scopes_is_allowed_nothing() -> None:
    assert not any(Principal("acme", "key", frozenset()).allows(scope) for scope in Scope)


@pytest.mark.parametrize("name", ["a", "acme", "Acme-2.eu_west", "0", "a" * 64])
def test_valid_tenant_names_are_accepted(name: str) -> None:
    assert is_tenant(name)


@pytest.mark.parametrize("name", ["", "a" * 65, "-a", ".a", "_a", "a/b", "a#b", "a b", "ä", "a\n", "../a", None, 7])
def test_invalid_tenant_names_are_rejected(name: object) -> None:
    assert not is_tenant(name)


@pytest.mark.parametrize("name", ["a", "a" * 200, "Nightly import, team Ä (EU) 🙂"])
def test_key_name_is_one_line_of_text(name: str) -> None:
    assert is_key_name(name)


@pytest.mark.parametrize("name", ["", "a" * 201, "a\nb", "a\n", "\t", "\x7f", "\u2028", "name\u202ecod.exe"])
def test_empty_long_and_misleading_key_names_are_rejected(name: str) -> None:
    assert not is_key_name(name)


@pytest.mark.parametrize(("seconds", "valid"), [(-0.001, True), (0, False), (1, False)])
def test_key_is_valid_until_it_expires(seconds: float, valid: bool) -> None:
    key = ApiKey("hash", "key", "acme", frozenset(), expires_at=NOON)
    assert key.valid(NOON + timedelta(seconds=seconds)) is valid


def test_key_without_an_expiry_stays_valid() -> None:
    assert ApiKey("hash", "key", "acme", frozenset()).valid(NOON + timedelta(days=10_000))


def test_key_is_stored_as_its_sha256() -> None:
    assert hash_key("secret") == hashlib.sha256(b"secret").hexdigest()


def test_key_that_is_not_utf_8_has_a_hash() -> None:
    # A header may contain bytes that are not UTF-8; Python decodes them to surrogates.
    assert hash_key("secr\udcffet") == hashlib.sha256(b"secr\xffet").hexdigest()
