"""Bearer tokens of an OpenID provider: signature, issuer, audience and times by PyJWT, the keys by discovery.

https://openid.net/specs/openid-connect-discovery-1_0.html and RFC 8725 (algorithms are chosen here, never by a token).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import jwt
import urllib3
from jwt.exceptions import PyJWKClientConnectionError, PyJWKClientError, PyJWKSetError
from msgspec import Struct

from interlock.domain.access import TOKEN_CALLER, Principal, Scope, is_tenant
from interlock.domain.errors import ServiceUnavailable
from interlock.ports import InvalidToken

# Only algorithms with public keys: with a shared secret, anyone who can validate a token could also create one.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")

LEEWAY_S = 5
"""Tolerated difference in seconds between the provider's clock and ours."""

KEYS_LIFETIME_S = 600
COOLDOWN_S = 10
"""Minimum seconds between two fetches for an unknown `kid`, so that forged tokens do not cause one request each."""

TIMEOUT_S = 3

_REASONS = {
    jwt.ExpiredSignatureError: "The token has expired.",
    jwt.ImmatureSignatureError: "The token is not valid yet.",
    jwt.InvalidAudienceError: "The token is for another audience.",
    jwt.InvalidIssuerError: "The token is of another issuer.",
    jwt.MissingRequiredClaimError: "The token lacks one of the claims iss, aud, exp and sub.",
}


class Provider(Struct, frozen=True):
    """The accepted issuer and audience, and the token claims that name tenant and scopes."""

    issuer: str
    audience: str
    tenant_claim: str
    scope_claim: str


class OidcTokens:
    """Validates tokens. The provider's keys are fetched for the first token and cached."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider

    def principal(self, token: str) -> Principal:
        """Return the token's principal. Raise `InvalidToken`, or `ServiceUnavailable` if the provider does not
        respond: the same token may be valid later."""
        try:
            claims = jwt.decode(
                token,
                self._key(token),
                algorithms=ALGORITHMS,
                audience=self._provider.audience,
                issuer=self._provider.issuer,
                leeway=LEEWAY_S,
                options={"require": ["iss", "aud", "exp", "sub"]},
            )
        except (jwt.PyJWTError, RecursionError, UnicodeError) as error:
            raise InvalidToken(_reason(error)) from error
        return self._principal(claims)

    def _key(self, token: str) -> jwt.PyJWK:
        header = jwt.get_unverified_header(token)
        if header.get("alg") not in ALGORITHMS:
            raise jwt.InvalidAlgorithmError
        if not isinstance(header.get("kid"), str):
            raise InvalidToken("The token does not name its key (kid).")
        try:
            return self._keys.get_signing_key(header["kid"])
        except (PyJWKClientConnectionError, PyJWKSetError, OSError, ValueError) as error:
            raise ServiceUnavailable(service="identity provider") from error
        except PyJWKClientError as error:
            raise InvalidToken("The token is signed by an unknown key.") from error

    @cached_property
    def _keys(self) -> jwt.PyJWKClient:
        issuer = self._provider.issuer
        document = _fetch_json(f"{issuer.rstrip('/')}/.well-known/openid-configuration")
        if document.get("issuer") != issuer or not isinstance(document.get("jwks_uri"), str):
            raise ServiceUnavailable(service="identity provider")
        return jwt.PyJWKClient(
            document["jwks_uri"], lifespan=KEYS_LIFETIME_S, cooldown_duration=COOLDOWN_S, timeout=TIMEOUT_S
        )

    def _principal(self, claims: Mapping[str, Any]) -> Principal:
        tenant = claims.get(self._provider.tenant_claim)
        if not is_tenant(tenant):
            raise InvalidToken(f"The token names no tenant in its claim {self._provider.tenant_claim}.")
        # Hashed, because a subject is text of the provider and becomes part of log lines and keys of the table.
        subject = hashlib.sha256(str(claims["sub"]).encode()).hexdigest()[:16]
        return Principal(str(tenant), f"{TOKEN_CALLER}{subject}", _scopes(claims.get(self._provider.scope_claim)))


def _scopes(claim: Any) -> frozenset[str]:
    """Return the known scopes of a token claim: one string with spaces (RFC 8693, section 4.2) or a list of strings."""
    words = claim.split() if isinstance(claim, str) else claim if isinstance(claim, list) else []
    return frozenset(str(scope) for scope in Scope if scope in words)


def _fetch_json(url: str) -> dict[str, Any]:
    """Return a JSON object of the provider. Raise `ServiceUnavailable` if it cannot be fetched."""
    try:
        answer = urllib3.request("GET", url, timeout=TIMEOUT_S, retries=1, redirect=False)
        document = json.loads(answer.data) if answer.status == 200 else None
    except (urllib3.exceptions.HTTPError, ValueError) as error:
        raise ServiceUnavailable(service="identity provider") from error
    if not isinstance(document, dict):
        raise ServiceUnavailable(service="identity provider")
    return document


def _reason(error: Exception) -> str:
    return next((text for kind, text in _REASONS.items() if isinstance(error, kind)), "The token is not valid.")
