"""Tokens of a real OpenID provider over HTTP: accepted and rejected ones."""

import base64
import json
import time
from collections.abc import Iterator
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from interlock.adapters import oidc
from interlock.adapters.oidc import OidcTokens, Provider
from interlock.domain.errors import ServiceUnavailable
from interlock.ports import InvalidToken
from tests.service import openid_provider
from tests.service.openid_provider import AUDIENCE, OpenIdProvider, ec_key, rsa_key
from tests.volume import volume

ONE, TWO = rsa_key(), rsa_key()


@pytest.fixture
def provider() -> Iterator[OpenIdProvider]:
    with openid_provider.running() as provider:
        provider.publish("one", ONE)
        yield provider


@pytest.fixture
def tokens(provider: OpenIdProvider) -> OidcTokens:
    return OidcTokens(Provider(provider.issuer, AUDIENCE, "tenant", "scope"))


def reason(tokens: OidcTokens, token: str) -> str:
    with pytest.raises(InvalidToken) as caught:
        tokens.principal(token)
    return str(caught.value)


# --- Accepted tokens ---


def test_a_token_names_tenant_scopes_and_subject(provider: OpenIdProvider, tokens: OidcTokens) -> None:
    principal = tokens.principal(provider.token())
    assert (principal.tenant, principal.scopes) == ("acme", frozenset({"execute", "jobs:read"}))
    assert principal == tokens.principal(provider.token())
    assert principal.key_id.startswith("jwt-")
    assert principal.key_id != tokens.principal(provider.token(sub="somebody else")).key_id


@pytest.mark.parametrize(
    ("key", "alg"), [(ec_key(), "ES256"), (ed25519.Ed25519PrivateKey.generate(), "EdDSA"), (TWO, "RS256")]
)
def test_signing_keys_of_every_kind_are_accepted(
    provider: OpenIdProvider, tokens: OidcTokens, key: Any, alg: str
) -> None:
    provider.publish("another", key)
    assert tokens.principal(provider.token("another", alg=alg)).tenant == "acme"


def test_configured_token_claims_are_used(provider: OpenIdProvider) -> None:
    tokens = OidcTokens(Provider(provider.issuer, AUDIENCE, "https://interlock/tenant", "scp"))
    claims: dict[str, Any] = {"https://interlock/tenant": "rival", "scp": ["admin", 7, "no-such"]}
    token = provider.token(**claims)
    assert (tokens.principal(token).tenant, tokens.principal(token).scopes) == ("rival", frozenset({"admin"}))


@pytest.mark.parametrize("scope", [None, "", 7, {"admin": True}, ["x"], "Admin", [["admin"]]])
def test_token_without_a_known_scope_allows_nothing(provider: OpenIdProvider, tokens: OidcTokens, scope: Any) -> None:
    assert tokens.principal(provider.token(scope=scope)).scopes == frozenset()


def test_one_of_several_audiences_is_enough(provider: OpenIdProvider, tokens: OidcTokens) -> None:
    assert tokens.principal(provider.token(aud=["other", AUDIENCE])).tenant == "acme"


def test_the_providers_keys_are_fetched_once(provider: OpenIdProvider, tokens: OidcTokens) -> None:
    for _ in range(20):
        tokens.principal(provider.token())
    assert provider.requests == ["/.well-known/openid-configuration", "/keys"]


# --- Refused tokens ---


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        ({"exp": time.time() - 60}, "The token has expired."),
        ({"nbf": time.time() + 86_400}, "The token is not valid yet."),
        ({"iat": time.time() + 86_400}, "The token is not valid yet."),
        ({"aud": "other"}, "The token is for another audience."),
        ({"iss": "https://evil.test"}, "The token is of another issuer."),
        *[
            ({claim: None}, "The token lacks one of the claims iss, aud, exp and sub.")
            for claim in ("iss", "exp", "sub")
        ],
        ({"aud": None}, "The token lacks one of the claims iss, aud, exp and sub."),
        ({"exp": "tomorrow"}, "The token is not valid."),
        ({"aud": {"a": 1}}, "The token is for another audience."),
        *[
            ({"tenant": tenant}, "The token names no tenant in its claim tenant.")
            for tenant in (None, "", "a#b", "a/b", "../x", 7, ["acme"], "x" * 65, "acme\n", "-acme")
        ],
    ],
)
def test_token_with_a_wrong_claim_is_rejected(
    provider: OpenIdProvider, tokens: OidcTokens, claims: dict[str, Any], expected: str
) -> None:
    assert reason(tokens, provider.token(**claims)) == expected


def encoded(part: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")


def test_token_without_a_signature_is_rejected(provider: OpenIdProvider, tokens: OidcTokens) -> None:
    _, payload, signature = provider.token().split(".")
    for alg in ("none", "None", "NONE", "", None):
        for ending in ("", signature):
            reason(tokens, f"{encoded({'alg': alg, 'kid': 'one', 'typ': 'JWT'})}.{payload}.{ending}")
    # The provider gets no request for a token with an unknown algorithm.
    assert provider.requests == []


def test_token_signed_with_the_public_key_as_a_shared_secret_is_rejected(
    provider: OpenIdProvider, tokens: OidcTokens
) -> None:
    import hashlib
    import hmac

    public = ONE.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    payload = provider.token().split(".")[1]
    signed = f"{encoded({'alg': 'HS256', 'kid': 'one'})}.{payload}"
    signature = base64.urlsafe_b64encode(hmac.digest(public, signed.encode(), hashlib.sha256)).decode().rstrip("=")
    assert reason(tokens, f"{signed}.{signature}") == "The token is not valid."


def test_token_signed_by_another_key_is_rejected(provider: OpenIdProvider, tokens: OidcTokens) -> None:
    assert reason(tokens, provider.token(key=TWO)) == "The token is not valid."


def test_token_with_changed_claims_is_rejected(provider: OpenIdProvider, tokens: OidcTokens) -> None:
    header, _, signature = provider.token().split(".")
    other = provider.token(tenant="rival").split(".")[1]
    assert reason(tokens, f"{header}.{other}.{signature}") == "The token is not valid."


def test_token_with_another_algorithm_than_its_key_is_rejected(provider: OpenIdProvider, tokens: OidcTokens) -> None:
    assert reason(tokens, provider.token(alg="RS512")) == "The token is not valid."
    provider.publish("curve", ec_key())
    assert reason(tokens, provider.token("curve", key=ONE, alg="RS256")) == "The token is signed by an unknown key."


def test_key_embedded_in_the_token_is_not_used(provider: OpenIdProvider, tokens: OidcTokens) -> None:
    jwk = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(TWO.public_key()))
    headers = {"kid": "one", "jwk": jwk, "jku": f"{provider.url}/evil"}
    payload = jwt.decode(provider.token(), options={"verify_signature": False})
    reason(tokens, jwt.encode(payload, TWO, algorithm="RS256", headers=headers))
    assert "/evil" not in provider.requests


@pytest.mark.parametrize("kid", [None, 7, ""])
def test_a_token_must_name_its_key(provider: OpenIdProvider, tokens: OidcTokens, kid: object) -> None:
    _, payload, signature = provider.token().split(".")
    reason(tokens, f"{encoded({'alg': 'RS256', 'kid': kid})}.{payload}.{signature}")


@settings(max_examples=volume(sample=50, full=300), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(token=st.text(max_size=60) | st.lists(st.text("abc-_AZ09=", max_size=20), min_size=3, max_size=3).map(".".join))
@example(token="\ud800.a.b")
@example(token="." * 5000)
@example(token=base64.urlsafe_b64encode(b"[" * 6000).decode() + ".e30.x")
@example(token=base64.urlsafe_b64encode(b'{"alg":"RS256","kid":"one","x":' + b"[" * 6000).decode() + ".e30.x")
def test_malformed_token_is_reported_as_invalid(tokens: OidcTokens, token: str) -> None:
    with pytest.raises(InvalidToken):
        tokens.principal(token)


# --- Key rotation ---


def test_a_new_key_is_fetched_when_a_token_names_it(
    provider: OpenIdProvider, tokens: OidcTokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(oidc, "COOLDOWN_S", 0)
    tokens.principal(provider.token())
    provider.publish("two", TWO)
    assert tokens.principal(provider.token("two")).tenant == "acme"
    assert tokens.principal(provider.token("one")).tenant == "acme"
    assert provider.requests.count("/keys") == 2


def test_unknown_key_ids_do_not_refetch_the_keys_each_time(provider: OpenIdProvider, tokens: OidcTokens) -> None:
    tokens.principal(provider.token())
    for number in range(30):
        assert reason(tokens, provider.token(f"made-up-{number}", key=TWO)) == "The token is signed by an unknown key."
    assert provider.requests.count("/keys") == 1


def test_withdrawn_key_is_rejected_once_the_cached_keys_are_old(
    provider: OpenIdProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(oidc, "KEYS_LIFETIME_S", 0.01)
    tokens = OidcTokens(Provider(provider.issuer, AUDIENCE, "tenant", "scope"))
    old = provider.token()
    tokens.principal(old)
    provider.publish("two", TWO)
    del provider.keys["one"]
    time.sleep(0.02)
    assert reason(tokens, old) == "The token is signed by an unknown key."


# --- A provider that is down, or sends malformed documents ---


def test_provider_outage_is_unavailable_until_it_recovers(provider: OpenIdProvider) -> None:
    tokens = OidcTokens(Provider(provider.issuer, AUDIENCE, "tenant", "scope"))
    provider.broken = b"<html>we are down</html>"
    for _ in range(2):
        with pytest.raises(ServiceUnavailable) as caught:
            tokens.principal(provider.token())
        assert caught.value.details == {"service": "identity provider"}
    provider.broken = None
    assert tokens.principal(provider.token()).tenant == "acme"


def test_known_keys_keep_working_while_the_provider_is_down(tokens: OidcTokens) -> None:
    with openid_provider.running() as provider:
        provider.publish("one", ONE)
        tokens = OidcTokens(Provider(provider.issuer, AUDIENCE, "tenant", "scope"))
        tokens.principal(provider.token())
    assert tokens.principal(provider.token()).tenant == "acme"
    # An invalid token is rejected without the provider.
    assert reason(tokens, provider.token(aud="other")) == "The token is for another audience."


def test_an_unreachable_provider_is_unavailable() -> None:
    with openid_provider.running() as provider:
        provider.publish("one", ONE)
        token = provider.token()
    with pytest.raises(ServiceUnavailable):
        OidcTokens(Provider(provider.issuer, AUDIENCE, "tenant", "scope")).principal(token)


@pytest.mark.parametrize("document", [b"", b"{", b"[]", b"null", b"{}", b'{"issuer": 7}'])
def test_malformed_discovery_document_is_unavailable(
    provider: OpenIdProvider, tokens: OidcTokens, document: bytes
) -> None:
    provider.broken = document
    with pytest.raises(ServiceUnavailable):
        tokens.principal(provider.token())


def test_a_discovery_document_of_another_issuer_is_rejected(provider: OpenIdProvider) -> None:
    tokens = OidcTokens(Provider(provider.issuer, AUDIENCE, "tenant", "scope"))
    token = provider.token()
    provider.issuer = "https://evil.test"
    with pytest.raises(ServiceUnavailable):
        tokens.principal(token)


@pytest.mark.parametrize("document", [b"", b"{", b"null", b"{}", b'{"keys": []}', b'{"keys": [{"kty": "none"}]}'])
def test_malformed_signing_keys_accept_no_token(provider: OpenIdProvider, tokens: OidcTokens, document: bytes) -> None:
    assert tokens._keys  # the discovery document was read
    provider.broken = document
    with pytest.raises((ServiceUnavailable, InvalidToken)):
        tokens.principal(provider.token())
