"""The access matrix: every route combined with every kind of caller."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any

from interlock.domain.access import Scope
from tests.volume import volume

type Json = dict[str, Any]

DOCUMENT: Json = json.loads(files("interlock").joinpath("http", "openapi.json").read_text())


@dataclass(frozen=True, slots=True)
class Route:
    """A route of the contract: its scope (None: no key), its response to permitted callers, and its response to another
    tenant that asks for a job. `scope_is_in_body`: the body decides which scope a request needs."""

    call: str
    scope: Scope | None
    answers: int
    stranger: int
    body: Json | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    scope_is_in_body: bool = False

    @property
    def method(self) -> str:
        return self.call.partition(" ")[0]

    @property
    def path(self) -> str:
        return self.call.partition(" ")[2]


_CALL: Json = {"jsonrpc": "2.0", "id": 1, "method": "tools/call",
               "params": {"name": "guests-echo", "arguments": {"text": "x"}}}  # fmt: skip
_ECHO: Json = {"plugin": "guests", "tool": "echo", "input": {"text": "x"}}

UNFIT_BATCH: Json = {"plugin": "guests", "tool": "echo", "items": [{"input": {"text": 7}}]}
"""A batch whose item does not fit the tool's schema, so that nothing runs."""

# The contract. The requested job is a finished one of the tenant acme, so cancelling it is a conflict.
CONTRACT = (
    Route("POST /v1/execute", Scope.EXECUTE, 200, 200, _ECHO),
    Route("POST /v1/uploads", Scope.EXECUTE, 201, 201, {"content_type": "image/png", "size": 8}),
    Route("GET /v1/jobs", Scope.JOBS_READ, 200, 200),
    Route("GET /v1/jobs/{job_id}", Scope.JOBS_READ, 200, 404),
    Route("GET /v1/jobs/{job_id}/result", Scope.JOBS_READ, 200, 404),
    Route("GET /v1/jobs/{job_id}/events", Scope.JOBS_READ, 200, 404),
    Route("POST /v1/jobs/{job_id}/cancel", Scope.JOBS_CANCEL, 409, 404, {"reason": "x"}),
    Route("DELETE /v1/jobs/{job_id}", Scope.JOBS_CANCEL, 409, 404),
    Route("POST /v1/jobs/{job_id}/rerun", Scope.EXECUTE, 202, 404, {"input": {"text": "y"}}),
    # The job has no webhook.
    Route("POST /v1/jobs/{job_id}/webhook/redeliver", Scope.EXECUTE, 404, 404),
    Route("GET /v1/webhook-secret", Scope.ADMIN, 200, 200),
    Route("POST /v1/webhook-secret/rotate", Scope.ADMIN, 200, 200),
    Route("GET /v1/plugins", Scope.PLUGINS_READ, 200, 200),
    Route("GET /v1/plugins/{name}", Scope.PLUGINS_READ, 200, 200),
    Route("GET /v1/plugins/{name}/health", Scope.PLUGINS_READ, 200, 200),
    Route("POST /mcp", Scope.EXECUTE, 200, 200, _CALL, {"MCP-Protocol-Version": "2025-11-25"}, scope_is_in_body=True),
    Route("GET /.well-known/oauth-protected-resource", None, 404, 404),
    # The requested batch is a finished one of the tenant acme.
    Route("POST /v1/batches", Scope.EXECUTE, 202, 202, UNFIT_BATCH),
    Route("GET /v1/batches", Scope.JOBS_READ, 200, 200),
    Route("GET /v1/batches/{batch_id}", Scope.JOBS_READ, 200, 404),
    Route("GET /v1/batches/{batch_id}/results", Scope.JOBS_READ, 200, 404),
    Route("POST /v1/batches/{batch_id}/cancel", Scope.JOBS_CANCEL, 409, 404, {"reason": "x"}),
    Route("GET /v1/keys", Scope.ADMIN, 200, 200),
    Route("POST /v1/keys", Scope.ADMIN, 201, 201, {"scopes": ["execute"]}),
    Route("DELETE /v1/keys/{key_id}", Scope.ADMIN, 200, 404),
    Route("GET /v1/health", None, 200, 200),
    Route("GET /v1/openapi.json", None, 200, 200),
)

DOCUMENTED = {f"{method.upper()} {path}" for path, item in DOCUMENT["paths"].items() for method in item}
ROUTES = tuple(route for route in CONTRACT if route.call in DOCUMENTED)

NOBODY = ("no key", "empty", "malformed", "mistyped", "wrong", "expired", "revoked", "a token where none is taken")
"""Callers without a valid key, who get 401."""

SCOPED = (*(f"only {scope}" for scope in Scope), "no scope", "all but admin")
STRANGERS = ("stranger with admin", *(f"stranger with only {scope}" for scope in Scope if scope is not Scope.ADMIN))
CALLERS = (*NOBODY, *SCOPED, *STRANGERS)

FORMS = ("as it should be", "with a body that is no JSON", "with an unknown field or parameter")
"""Forms of requests: access is checked before the rest of the request."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A caller, a route and the form of its request."""

    route: Route
    caller: str
    form: str

    def __str__(self) -> str:
        return f"{self.route.call} by {self.caller}, {self.form}"

    @property
    def expected(self) -> int:
        """Return the expected status: 401 takes precedence over 403, then 404, 400 and the others."""
        if self.route.scope is None:
            return self.route.answers if self.form == FORMS[0] or self.takes_anything else 400
        if self.caller in NOBODY:
            return 401
        if self.route.scope_is_in_body and self.form == FORMS[1]:
            return 400
        if not self.allowed:
            return 403
        found = self.route.stranger if self.caller in STRANGERS else self.route.answers
        if found == 404 or self.form == FORMS[0] or self.takes_anything:
            return found
        return 400

    @property
    def allowed(self) -> bool:
        if self.route.scope is Scope.ADMIN:
            return self.caller in {"only admin", "stranger with admin"}
        held = self.caller.rpartition("only ")[2]
        return self.caller in {"all but admin", "stranger with admin"} or held in {self.route.scope, Scope.ADMIN}

    @property
    def takes_anything(self) -> bool:
        """Return whether a route ignores the invalid part of this form of request."""
        if self.route.scope_is_in_body:
            return self.form == FORMS[2]  # JSON-RPC ignores unknown members
        if self.form == FORMS[1]:
            return self.route.body is None and self.route.call != "DELETE /v1/jobs/{job_id}"
        reads_query = self.route.method == "GET" and self.route.scope is not None
        return self.route.body is None and not reads_query


def cells() -> Iterator[Cell]:
    for route in ROUTES:
        for caller in CALLERS:
            for form in FORMS:
                yield Cell(route, caller, form)


MATRIX = tuple(cells())

TRIED = volume(sample=tuple(cell for n, cell in enumerate(MATRIX) if n % 3 == n // 3 % 3), full=MATRIX)
"""The cells that are tested. A sample has each route and caller once, in one of the three forms."""
