"""The composition of the authorizer: accepted keys and tokens, and the default limits.

Separate from `interlock.composition.core`, so that the other functions do not import it.
"""

import os
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import partial
from typing import Any, Self

from msgspec import Struct

from interlock.composition.core import Core
from interlock.domain.rate import Rate
from interlock.http.authorizer import KeyLimits, RememberedKeys, decision
from interlock.ports import Tokens


class AuthorizerSettings(Struct, frozen=True):
    """The settings that the template passes to the authorizer. Without an `oidc_issuer` no tokens are accepted."""

    key_cache: timedelta
    limits: KeyLimits
    oidc_issuer: str
    oidc_audience: str
    oidc_tenant_claim: str
    oidc_scope_claim: str

    @classmethod
    def from_env(cls) -> Self:
        """Read `INTERLOCK_*` variables. Raises KeyError that names a missing one, and ValueError."""
        rate, concurrency = os.environ["INTERLOCK_DEFAULT_RATE"], int(os.environ["INTERLOCK_DEFAULT_CONCURRENCY"])
        return cls(
            key_cache=timedelta(seconds=float(os.environ["INTERLOCK_KEY_CACHE_S"])),
            limits=KeyLimits(Rate.parse(rate) if rate != "none" else None, concurrency or None),
            oidc_issuer=os.environ["INTERLOCK_OIDC_ISSUER"],
            oidc_audience=os.environ["INTERLOCK_OIDC_AUDIENCE"],
            oidc_tenant_claim=os.environ["INTERLOCK_OIDC_TENANT_CLAIM"],
            oidc_scope_claim=os.environ["INTERLOCK_OIDC_SCOPE_CLAIM"],
        )


def authorizer(core: Core, settings: AuthorizerSettings) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    """Compose the handler of the REST API's authorizer events."""
    keys = RememberedKeys(core.keys, core.clock, lifetime=settings.key_cache)
    return partial(decision, keys=keys, clock=core.clock, tokens=_tokens(settings), limits=settings.limits)


def _tokens(settings: AuthorizerSettings) -> Tokens | None:
    if not settings.oidc_issuer:
        return None
    from interlock.adapters.oidc import OidcTokens, Provider  # noqa: PLC0415 - cryptography, for those that use it

    return OidcTokens(
        Provider(settings.oidc_issuer, settings.oidc_audience, settings.oidc_tenant_claim, settings.oidc_scope_claim)
    )
