"""The component schemas: those of requests are taken from the models, those of responses generated from types."""

from collections.abc import Iterable, Mapping
from copy import deepcopy
from enum import StrEnum
from typing import Any, override

from pydantic import ConfigDict, TypeAdapter
from pydantic.json_schema import GenerateJsonSchema

from interlock.domain import job_status, lifecycle
from interlock.domain.access import KEY_NAME_PATTERN
from interlock.domain.errors import ERROR_TYPES
from interlock.domain.job_status import JobStatus
from interlock.domain.lifecycle import LifecycleState
from interlock.domain.rate import RATE_PATTERN
from interlock.domain.upload_id import CONTENT_TYPE
from interlock.http.batch_models import BatchRequest
from interlock.http.documents import (
    ApiKeyList,
    Batch,
    BatchList,
    BatchMessage,
    BatchResults,
    ErrorEnvelope,
    EventList,
    FinishedJob,
    JobList,
    JobResult,
    McpRequest,
    McpResponse,
    NewApiKey,
    OpenApi,
    PluginHealth,
    PluginList,
    PluginManifest,
    ResourceMetadata,
    ServiceHealth,
    Upload,
    WebhookMessage,
    WebhookSecret,
)
from interlock.http.models import (
    CancelRequest,
    ExecuteRequest,
    KeyRequest,
    RedeliverRequest,
    RerunRequest,
    UploadRequest,
)

type Json = dict[str, Any]

type _Bodies = tuple[
    ApiKeyList, Batch, BatchList, BatchMessage, BatchResults, ErrorEnvelope, EventList, FinishedJob, JobList, JobResult,
    McpRequest, McpResponse, NewApiKey, OpenApi, PluginHealth, PluginList, PluginManifest, ResourceMetadata,
    ServiceHealth, Upload, WebhookMessage, WebhookSecret,
]  # fmt: skip


def ref(name: str, kind: str = "schemas") -> Json:
    return {"$ref": f"#/components/{kind}/{name}"}


def refs(names: Iterable[str], kind: str) -> Json:
    return {name: ref(name, kind) for name in names}


def _steps(transitions: Mapping[Any, frozenset[Any]], states: type[StrEnum]) -> str:
    """Return a transition table in words, one line per state."""
    following = {one: [f"`{to}`" for to in states if to in transitions[one]] for one in states}
    return "The only transitions:\n\n" + "\n".join(
        f"- `{one}` → {' | '.join(names) or 'final'}" for one, names in following.items()
    )


def _codes_by_type() -> str:
    codes: dict[str, list[str]] = {}
    for code, error_type in ERROR_TYPES.items():
        codes.setdefault(error_type, []).append(f"`{code}`")
    return "\n".join(f"- `{error_type}`: {', '.join(several)}" for error_type, several in codes.items())


_ENUMS = {
    "BatchStatus": "Status of a batch. `preparing`: its jobs are being created. `cancelling`: no further item starts, "
    "and those that run are being stopped. `failed`: more items failed than are tolerated, or the items could not be "
    "read. `succeeded`, `failed` and `cancelled` are final.",
    "CancelOutcome": "Outcome of a cancel request. `prevented`: the tool never started. `stopped`: the tool stopped "
    "after SIGTERM. `killed`: the tool was killed with SIGKILL. `too_late`: the job ended otherwise first.",
    "DeliveryError": "Why the last attempt failed. `status`: an HTTP status other than 2xx. `redirect`: 3xx, which is "
    "not followed. `dns`, `connect`, `tls`, `reset`, `timeout`: what failed before a response came. "
    "`forbidden_address`: the host has an address that is not public. `expired`: the job is not stored any more.",
    "DeliveryState": "`pending`: it is sent, or tried again. `delivered`: a response was 2xx. `failed`: given up.",
    "ErrorCode": f"Exact code of an error, for programs. By `type`:\n\n{_codes_by_type()}",
    "JobStatus": f"Status of a job. {_steps(job_status.TRANSITIONS, JobStatus)}",
    "KeyState": "Whether a key works. An `expired` key stays as it is; a `revoked` one was withdrawn.",
    "LifecycleState": "State of a plugin. `LOADED`: it has not run yet. `INITIALIZED`: its last run was successful. "
    "`RUNNING`: a run is in progress. `FAILED`: its last run failed through the plugin's fault. `UNAVAILABLE`: it "
    f"cannot be loaded. {_steps(lifecycle.TRANSITIONS, LifecycleState)}",
    "WebhookEvent": "An event of a job. `started`: a worker has claimed it. `finished`: it has a final status.",
    "Scope": "Permission of a key or token. `admin` includes all others.",
}
"""Descriptions of the domain's enums, whose docstrings address the code's readers."""


_EXTENDED = {"NewApiKey": "ApiKey", "WebhookData": "Job"}
"""Types that extend another. pydantic reads the docstrings of a type's own fields only."""


class _Generator(GenerateJsonSchema):
    """Leave out titles, which would only repeat the names of types and fields."""

    @override
    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


def component_schemas() -> Json:
    """Return the schemas of all request and response bodies and of their parts."""
    bodies: TypeAdapter[Any] = TypeAdapter(_Bodies, config=ConfigDict(use_attribute_docstrings=True))
    generated = bodies.json_schema(ref_template="#/components/schemas/{model}", schema_generator=_Generator)
    schemas: Json = generated["$defs"]
    schemas.pop("_Bodies", None)
    for name, base in _EXTENDED.items():
        schemas[name]["properties"] |= schemas[base]["properties"]
    for body in (
        ExecuteRequest,
        RerunRequest,
        CancelRequest,
        RedeliverRequest,
        UploadRequest,
        KeyRequest,
        BatchRequest,
    ):
        schemas[body.__name__] = {"description": body.__doc__, **deepcopy(body.SCHEMA)}
    schemas["UploadRequest"]["properties"]["content_type"] |= {"pattern": f"^{CONTENT_TYPE.pattern}$"}
    key = schemas["KeyRequest"]["properties"]
    key["rate"]["anyOf"][0] |= {"pattern": f"^{RATE_PATTERN}$"}
    key["name"]["anyOf"][0] |= {"pattern": f"^{KEY_NAME_PATTERN}$"}
    for name, schema in schemas.items():
        schema.pop("title", None)
        if name in _ENUMS:
            schema["description"] = _ENUMS[name]
    schemas = _Generator().sort(schemas)
    _discriminate(schemas, "Event", "type")
    return schemas


def _discriminate(schemas: Json, union: str, name: str) -> None:
    """Name the field that tells the members of a union apart (OpenAPI 3.1, section 4.8.25)."""
    members = schemas[union].pop("anyOf")
    consts = (schemas[member["$ref"].rpartition("/")[2]]["properties"][name]["const"] for member in members)
    mapping = {const: member["$ref"] for const, member in zip(consts, members, strict=True)}
    schemas[union] |= {"oneOf": members, "discriminator": {"propertyName": name, "mapping": mapping}}
