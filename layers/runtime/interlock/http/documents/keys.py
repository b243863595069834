"""API keys."""

from typing import Annotated, TypedDict

from interlock.domain.access import KeyState, Scope
from interlock.http.documents.values import MAX_PAGE, Count, Schema, Time


class ApiKey(TypedDict):
    """An API key, without the key itself."""

    key_id: str
    """Id of the key. Logs and access logs contain it."""
    name: str | None
    """Name or purpose of the key, for humans."""
    tenant: str
    """Tenant that the key belongs to."""
    scopes: list[Scope]
    """Permissions of the key."""
    state: KeyState
    rate: str | None
    """Limit of its requests, such as `10/s`. Null means the default of the stack."""
    concurrency: int | None
    """Limit of its unfinished jobs. Null means the default of the stack."""
    hint: str | None
    """The last characters of the key, to recognize it."""
    created_at: Time | None
    created_by: str | None
    """Id of the key or token that created this one through the API. Null for keys of the operator."""
    expires_at: Time | None
    """Time from which the key does not work. Null means never."""
    revoked_at: Time | None
    """Time at which the key was revoked."""


class NewApiKey(ApiKey):
    """A key that was just created. It is shown this once and is not stored."""

    key: str
    """The key, to send as `X-API-Key`."""


class ApiKeyList(TypedDict):
    """A page of the tenant's keys, newest first, including those that are expired or revoked."""

    keys: Annotated[list[ApiKey], Schema(maxItems=MAX_PAGE)]
    """The keys of the page."""
    count: Annotated[Count, Schema(maximum=MAX_PAGE)]
    """Number of keys in the page."""
    next_cursor: str | None
    """`cursor` of the next page. Null on the last page."""
