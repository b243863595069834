"""The document as a whole."""

import json
import sys

import interlock
from interlock.domain.access import Scope
from interlock_dev.openapi.components import HEADERS, LINKS, PARAMETERS
from interlock_dev.openapi.operation import TAGS
from interlock_dev.openapi.operations import OPERATIONS
from interlock_dev.openapi.refusals import REFUSALS
from interlock_dev.openapi.schemas import Json, component_schemas

DESCRIPTION = """\
Runs Python tools under control: each in a process of its own, with limits, cancellable, its outcome never lost.

Executing a tool answers 200 or 400, never 500: whatever a plugin does ends as an error on a synchronous call, and as a
`failed` or `timed_out` job on an asynchronous one. 503 says that a service that Interlock stands on is down.

Every error, on every route, has the same body, `ErrorEnvelope`; `error.code` is what to switch on. Times are RFC 3339
in UTC with milliseconds. Durations carry their unit in the name.
"""

INFO: Json = {
    "title": "Interlock",
    "version": interlock.__version__,
    "summary": "Governed execution of Python tools",
    "description": DESCRIPTION,
    "license": {"name": "Apache License 2.0", "identifier": "Apache-2.0"},
}

SERVERS: list[Json] = [
    # Relative to the document's own URL, which ends in `/v1/openapi.json` (OpenAPI 3.1, section 4.6).
    {"url": "..", "description": "Where this document was read."},
    {
        "url": "https://{api}.execute-api.{region}.amazonaws.com/prod",
        "description": "A deployed stack: its output `Url`.",
        "variables": {"api": {"default": "a1b2c3d4e5"}, "region": {"default": "us-east-1"}},
    },
    {"url": "http://127.0.0.1:3000", "description": "The local stack."},
]

API_KEY: Json = {
    "type": "apiKey",
    "in": "header",
    "name": "X-API-Key",
    "description": "A key carries scopes: " + ", ".join(f"`{scope}`" for scope in Scope) + ". Each operation names the "
    "one that it needs; `admin` is all of them.",
}

TOKEN: Json = {
    "type": "http",
    "scheme": "bearer",
    "bearerFormat": "JWT",
    "description": "A token of the stack's OpenID provider, where one is set: its claims name tenant and scopes. With "
    "a key and a token the key decides.",
}


def build() -> Json:
    """The whole document."""
    paths: Json = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method] = operation.document()
    return {
        "openapi": "3.1.0",
        "info": INFO,
        "servers": SERVERS,
        "tags": [{"name": name, "description": description} for name, description in TAGS.items()],
        "paths": paths,
        "components": {
            "schemas": component_schemas(),
            "responses": {name: refusal.document() for name, refusal in REFUSALS.items()},
            "parameters": PARAMETERS,
            "headers": HEADERS,
            "links": LINKS,
            "securitySchemes": {"ApiKey": API_KEY, "Token": TOKEN},
        },
    }


def main() -> None:
    """Writes the document to standard output."""
    sys.stdout.write(json.dumps(build(), indent=2, ensure_ascii=False) + "\n")
