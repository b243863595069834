"""The operations on API keys."""

from copy import replace
from datetime import timedelta

from interlock.domain.access import Scope
from interlock.http.keys import key_document, key_list, new_key_document
from interlock_dev.openapi.examples import API_KEY, AT, SECRET_KEY
from interlock_dev.openapi.operation import Answer, Body, Operation

_REVOKED = replace(API_KEY, revoked_at=AT + timedelta(days=1))

KEY_OPERATIONS = (
    Operation(
        "listKeys",
        "GET /v1/keys",
        Scope.ADMIN,
        "List the API keys of the tenant",
        "Keys of the caller's tenant, newest first, without the keys themselves. Expired and revoked keys are listed, "
        "too. When a key was used last is not recorded.",
        {
            200: Answer(
                "A page of keys.",
                "ApiKeyList",
                {
                    "the last page": key_list([API_KEY], None, AT),
                    "there is more": key_list([_REVOKED], API_KEY.key_id, AT),
                },
                links=("nextKeys",),
            )
        },
        refusals=("InvalidRequest",),
        parameters=("limit", "KeyCursor"),
    ),
    Operation(
        "createKey",
        "POST /v1/keys",
        Scope.ADMIN,
        "Create an API key",
        "The key belongs to the caller's tenant. The response contains the key, which is shown this once and is not "
        "stored. It has no right that the caller's key lacks: no higher rate or concurrency, and no later expiry. "
        "Limits that are left out are those of the caller's key. A request that is sent again creates another key.",
        {
            201: Answer(
                "The key was created.",
                "NewApiKey",
                {"a key": new_key_document(SECRET_KEY, API_KEY, AT)},
                headers=("Cache-Control",),
                links=("revokeKey",),
            )
        },
        refusals=("InvalidRequest",),
        body=Body(
            "KeyRequest",
            {
                "everything": {"scopes": ["admin"]},
                "limited": {
                    "scopes": ["execute", "jobs:read"],
                    "name": "the lab",
                    "expires_in_s": 7776000,
                    "rate": "10/s",
                    "concurrency": 4,
                },
            },
        ),
    ),
    Operation(
        "revokeKey",
        "DELETE /v1/keys/{key_id}",
        Scope.ADMIN,
        "Revoke an API key",
        "The key stops working within seconds, for good; it stays listed. Revoking a key twice is not an error. A key "
        "may revoke itself. Keys that it created keep working.",
        {200: Answer("The key is revoked.", "ApiKey", {"revoked": key_document(_REVOKED, AT)})},
        refusals=("KeyNotFound",),
    ),
)
