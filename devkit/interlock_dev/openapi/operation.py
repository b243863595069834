"""The form of an operation: its request body, its responses, and the errors that its scope and path imply."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from interlock.domain.access import Scope
from interlock_dev.openapi.refusals import REFUSALS
from interlock_dev.openapi.schemas import Json, ref, refs

TAGS = {
    "execute": "Run tools.",
    "uploads": "Upload large files.",
    "jobs": "Read, list and cancel jobs. A job belongs to the tenant of the key that created it.",
    "batches": "Run a tool on many inputs, with one place to watch, cancel and collect them.",
    "mcp": "Use the tools from agents, with the Model Context Protocol.",
    "webhooks": "Read and rotate the secret that signs webhooks.",
    "keys": "Create, list and revoke the API keys of a tenant.",
    "plugins": "Read the plugins, their tools and their health.",
    "service": "The service itself.",
}


def _json_content(schema: str, examples: Mapping[str, Any]) -> Json:
    values = {name: {"value": value} for name, value in examples.items()}
    return {"application/json": {"schema": ref(schema), "examples": values}}


@dataclass(frozen=True, slots=True)
class Answer:
    """A response of an operation, other than an error envelope. It has no body if `schema` is None."""

    description: str
    schema: str | None
    examples: Mapping[str, Any]
    headers: tuple[str, ...] = ()
    links: tuple[str, ...] = ()

    def document(self) -> Json:
        return {
            "description": self.description,
            "headers": refs((*self.headers, "X-Request-Id"), "headers"),
            **({"content": _json_content(self.schema, self.examples)} if self.schema else {}),
            **({"links": refs(self.links, "links")} if self.links else {}),
        }


@dataclass(frozen=True, slots=True)
class Body:
    """The request body of an operation."""

    schema: str
    examples: Mapping[str, Any]
    required: bool = True

    def document(self) -> Json:
        return {"required": self.required, "content": _json_content(self.schema, self.examples)}


@dataclass(frozen=True, slots=True)
class Operation:
    """A method of a path. `refusals` and `parameters` are added to those that the path and the scope imply."""

    id: str
    route: str
    scope: Scope | None
    summary: str
    description: str
    answers: Mapping[int, Answer]
    refusals: tuple[str, ...] = ()
    parameters: tuple[str, ...] = ()
    body: Body | None = None

    @property
    def method(self) -> str:
        return self.route.partition(" ")[0].lower()

    @property
    def path(self) -> str:
        return self.route.partition(" ")[2]

    def document(self) -> Json:
        parameters = [*re.findall(r"{(\w+)}", self.path), *self.parameters]
        key = f"Needs the scope `{self.scope}`." if self.scope else "Needs no key."
        area = self.path.removeprefix("/v1").split("/")[1].replace("webhook-secret", "webhooks")
        return {
            "operationId": self.id,
            "tags": [area if area in TAGS else "service"],
            "summary": self.summary,
            "description": f"{self.description} {key}",
            "security": [{"ApiKey": [str(self.scope)]}, {"Token": [str(self.scope)]}] if self.scope else [],
            **({"parameters": [ref(name, "parameters") for name in parameters]} if parameters else {}),
            **({"requestBody": self.body.document()} if self.body else {}),
            "responses": self._responses(),
        }

    def _responses(self) -> Json:
        refusals = [*self.refusals, "MethodNotAllowed", "TooManyRequests", "Unavailable"]
        refusals += ["Unauthorized", "Forbidden"] if self.scope else []
        refusals += ["PayloadTooLarge"] if self.body else []
        found = {status: answer.document() for status, answer in self.answers.items()}
        found |= {REFUSALS[name].number: ref(name, "responses") for name in refusals}
        return {str(status): found[status] for status in sorted(found)}
