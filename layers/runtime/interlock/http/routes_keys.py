"""Routes below `/v1/keys`: create, list and revoke the API keys of the caller's tenant."""

import logging
import re
from collections.abc import Mapping
from copy import replace
from datetime import datetime, timedelta

from interlock.domain.access import KEY_ID_PATTERN, ApiKey, KeyIsOver, Principal, Scope, is_key_name
from interlock.domain.errors import InvalidRequest, NotFound, Unauthorized
from interlock.domain.problems import Problem, problem
from interlock.domain.rate import Rate
from interlock.http.app import HttpApp
from interlock.http.keys import KeyStore, key_document, key_list, new_key, new_key_document
from interlock.http.models import KeyRequest
from interlock.http.powertools import Response
from interlock.http.requests import authorized, invalid_body, json_body, limit_of, query, single
from interlock.http.responses import NOT_STORED, json_response
from interlock.ports import Clock

logger = logging.getLogger(__name__)


def add_key_routes(app: HttpApp, keys: KeyStore, clock: Clock) -> None:
    """Register the routes below `/v1/keys`."""

    @app.route("GET", "/v1/keys")
    def list_keys() -> Response[str]:
        principal = authorized(app.resolver.current_event, Scope.ADMIN)
        values = query(app.resolver.current_event, "limit", "cursor")
        found, next_id = keys.page(principal.tenant, limit=limit_of(values), before_id=_cursor(values))
        return json_response(200, key_list(found, next_id, clock()))

    @app.route("POST", "/v1/keys")
    def create_key() -> Response[str]:
        principal = authorized(app.resolver.current_event, Scope.ADMIN)
        now = clock()
        own = _own_key(keys, principal, now)
        secret, key = requested_key(json_body(app.resolver.current_event, KeyRequest), principal, own, now)
        try:
            keys.create(key, own)
        except KeyIsOver:
            raise Unauthorized from None
        _audit("API key created", key)
        return json_response(201, new_key_document(secret, key, now), NOT_STORED)

    @app.route("DELETE", "/v1/keys/<key_id>")
    def revoke_key(key_id: str) -> Response[str]:
        principal = authorized(app.resolver.current_event, Scope.ADMIN)
        key = _found(keys, principal.tenant, key_id)
        now = clock()
        revoked = replace(key, revoked_at=keys.revoke(key, now))
        _audit("API key revoked", revoked)
        return json_response(200, key_document(revoked, now))


def _found(keys: KeyStore, tenant: str, key_id: str) -> ApiKey:
    # Malformed ids raise without a table read: they may be too long for a key.
    key = keys.find(key_id, tenant) if re.fullmatch(KEY_ID_PATTERN, key_id) else None
    if key is None:
        raise NotFound(f"There is no key {key_id[:40]!r}.")
    return key


def _own_key(keys: KeyStore, caller: Principal, now: datetime) -> ApiKey | None:
    """Return the caller's key as it is now: the authorizer caches keys. Callers with a token have none."""
    if caller.has_token:
        return None
    key = keys.find(caller.key_id, caller.tenant)
    if key is None or not key.valid(now):
        raise Unauthorized
    return key


def _cursor(values: Mapping[str, list[str]]) -> str | None:
    """Return the id to continue after, which needs no signature: pages are always those of the caller's tenant."""
    cursor = single(values, "cursor")
    if cursor is not None and not re.fullmatch(KEY_ID_PATTERN, cursor):
        raise InvalidRequest("cursor is not valid: pass next_cursor unchanged.")
    return cursor


def requested_key(request: KeyRequest, caller: Principal, own: ApiKey | None, now: datetime) -> tuple[str, ApiKey]:
    """Return the key that a caller asks for, as `new_key` does. `own` is the caller's key, if it sent one.

    The key belongs to the caller's tenant and has no right that the caller's key lacks: neither a higher limit nor a
    later expiry. Raise `InvalidRequest`.
    """
    problems: list[Problem] = []
    rate = _rate(request.rate, own, problems)
    concurrency = _concurrency(request.concurrency, own, problems)
    expires_at = _expiry(request.expires_in_s, own, now, problems)
    if request.name is not None and not is_key_name(request.name):
        problems.append(problem(("name",), "must be one line, without control characters"))
    if problems:
        raise invalid_body(problems)
    return new_key(
        now,
        tenant=caller.tenant,
        scopes=frozenset(request.scopes),
        name=request.name,
        rate=rate,
        concurrency=concurrency,
        expires_at=expires_at,
        created_by=caller.key_id,
    )


def _rate(text: str | None, own: ApiKey | None, problems: list[Problem]) -> Rate | None:
    most = own.rate if own else None
    if text is None:
        return most
    try:
        rate = Rate.parse(text)
    except ValueError as error:
        problems.append(problem(("rate",), str(error)))
        return None
    if most is not None and not rate.within(most):
        problems.append(problem(("rate",), f"must be within {most}, the rate of the key that creates it"))
    return rate


def _concurrency(number: float | None, own: ApiKey | None, problems: list[Problem]) -> int | None:
    most = own.concurrency if own else None
    if number is not None and most is not None and number > most:
        problems.append(problem(("concurrency",), f"must be at most {most}, the limit of the key that creates it"))
    return most if number is None else int(number)


def _expiry(seconds: float | None, own: ApiKey | None, now: datetime, problems: list[Problem]) -> datetime | None:
    latest = own.expires_at if own else None
    if seconds is None:
        return latest
    expires_at = now + timedelta(seconds=seconds)
    if latest is not None and expires_at > latest:
        left_s = int((latest - now).total_seconds())
        problems.append(problem(("expires_in_s",), f"must be at most {left_s}, when the key that creates it expires"))
    return expires_at


def _audit(what: str, key: ApiKey) -> None:
    """Log a change of a key. The record has the caller's id, tenant and request as well."""
    scopes = " ".join(sorted(key.scopes))
    logger.info(what, extra={"changed_key_id": key.key_id, "scopes": scopes, "expires_at": str(key.expires_at)})
