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
from interlock_dev.openapi.webhook_operations import MESSAGES

DESCRIPTION = """\
Run Python tools with validated input and output, hard limits, cancellation, and a record of every job.

Executing a tool returns 200 or 400, never 500: a failure of a plugin is a 400 error on a synchronous call, and a
`failed` or `timed_out` job on an asynchronous one. 503 means that a service which Interlock depends on is unavailable.

All errors have the same body, `ErrorEnvelope`; handle them by `error.code`. Times are RFC 3339 in UTC with
milliseconds. Names of durations end with their unit.
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
    {"url": "..", "description": "The server of this document."},
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
    "description": "An API key with scopes: " + ", ".join(f"`{scope}`" for scope in Scope) + ". Each operation names "
    "the scope that it requires; `admin` includes all of them.",
}

TOKEN: Json = {
    "type": "http",
    "scheme": "bearer",
    "bearerFormat": "JWT",
    "description": "A token of the stack's OpenID provider, if one is configured. Its claims contain tenant and "
    "scopes. If a request has both a key and a token, the key is used.",
}


def build() -> Json:
    """Return the whole document."""
    paths: Json = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method] = operation.document()
    return {
        "openapi": "3.1.0",
        "info": INFO,
        "servers": SERVERS,
        "tags": [{"name": name, "description": description} for name, description in TAGS.items()],
        "paths": paths,
        "webhooks": MESSAGES,
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
    """Write the document to standard output."""
    sys.stdout.write(json.dumps(build(), indent=2, ensure_ascii=False) + "\n")
