"""Plugins, their tools and their counters, the messages of agents, and the service itself."""

from typing import Annotated, Any, Literal, NotRequired, TypedDict

from interlock.domain.access import Scope
from interlock.domain.lifecycle import AVAILABLE, LifecycleState
from interlock.http.documents.values import (
    Count,
    Description,
    PluginName,
    Quantity,
    Schema,
    Time,
    Title,
    ToolName,
    Version,
)

Reason = Annotated[
    str | None,
    Schema("Why the plugin is `UNAVAILABLE`, or how its layer has changed since the plugin index was built."),
]


class Tool(TypedDict):
    """A tool with its schemas."""

    name: ToolName
    title: Title
    description: Description
    timeout_s: Quantity
    """Limit of one run in seconds of wall-clock time."""
    memory_mb: Count
    """Limit of the resident memory in MiB."""
    network: bool
    """Whether the tool may open network connections."""
    isolation: Literal["tenant", "run"]
    """`tenant`: the tool's process serves later runs of the same tenant. `run`: it serves one run only."""
    read_only: bool | None
    """Whether a call changes nothing. Null if the plugin does not declare it."""
    idempotent: bool | None
    """Whether a second call with the same input has no further effect. Null if the plugin does not declare it."""
    destructive: bool | None
    """Whether a call may overwrite or delete something. Null if the plugin does not declare it."""
    task: Literal["auto", "always", "required"]
    """Which MCP calls are tasks, if the client supports them. `auto`: those of tools with a limit over 25 s. `always`:
    all. `required`: all, and other clients cannot call the tool."""
    input_schema: dict[str, Any]
    """JSON Schema 2020-12 of the input."""
    output_schema: dict[str, Any]
    """JSON Schema 2020-12 of the result."""


class Setting(TypedDict):
    """A setting of the plugin that the operator of the service sets. Values are never shown."""

    name: str
    """Name in the plugin's model of settings."""
    type: str
    """Type in JSON Schema, or `any`."""
    description: str
    """Description by the plugin, empty if there is none."""
    required: bool
    """Whether the plugin is unavailable without it."""
    secret: bool
    """Whether the value is a secret."""


class ForkSafety(TypedDict):
    """How worker processes get the code of a plugin."""

    fork_safe: Annotated[
        bool,
        Schema(
            "Whether worker processes are forked from one that has loaded the plugin. Otherwise each process loads it."
        ),
    ]
    fork_unsafe_reason: Annotated[
        str | None,
        Schema(
            "Why `fork_safe` is false: the plugin declares it, or a run of this version found that loading the plugin "
            "leaves threads, files or other things behind that a fork cannot copy. Null until a run has found it."
        ),
    ]


class PluginManifest(ForkSafety):
    """A plugin with its tools."""

    name: PluginName
    version: Version
    title: Title
    description: Description
    tools: list[Tool]
    """The tools; the first is the default. Empty if the plugin could not be loaded."""
    settings: list[Setting]
    """The settings that the plugin declares."""


class PluginSummary(ForkSafety):
    """A plugin in the list of plugins."""

    name: PluginName
    version: Version
    title: Title
    description: Description
    state: LifecycleState
    reason: Reason
    tools: list[ToolName]
    """Names of the tools; the first is the default."""


class PluginList(TypedDict):
    """All plugins, including those that could not be loaded."""

    plugins: list[PluginSummary]
    """The plugins in alphabetical order."""
    total: Count
    """Number of plugins."""
    available: Annotated[
        Count,
        Schema(f"Number of plugins that are {', '.join(f'`{one}`' for one in LifecycleState if one in AVAILABLE)}."),
    ]
    failed: Count
    """Number of plugins that are `FAILED`."""
    unavailable: Count
    """Number of plugins that are `UNAVAILABLE`."""


class Counters(TypedDict):
    """Sums over the finished jobs of all function instances. Times are null before the first execution."""

    # The descriptions are in the types, because pydantic does not read the attribute docstrings of base classes.
    success_count: Annotated[Count, Schema("Number of jobs that succeeded.")]
    error_count: Annotated[Count, Schema("Number of jobs that failed.")]
    cancelled_count: Annotated[Count, Schema("Number of jobs that were cancelled.")]
    timed_out_count: Annotated[Count, Schema("Number of jobs that exceeded their time limit.")]
    last_execution_time_ms: Annotated[Quantity | None, Schema("Execution time of the latest execution.")]
    avg_execution_time_ms: Annotated[Quantity | None, Schema("Mean execution time.")]
    p50_ms: Annotated[Quantity | None, Schema("Median execution time. Percentiles are accurate to 3.93 %.")]
    p95_ms: Annotated[Quantity | None, Schema("95th percentile of the execution time.")]
    p99_ms: Annotated[Quantity | None, Schema("99th percentile of the execution time.")]
    last_used: Annotated[Time | None, Schema("End of the latest execution.")]


class PluginHealth(Counters, ForkSafety):
    """State of a plugin, and its counters in total and per tool."""

    name: PluginName
    version: Version
    state: LifecycleState
    reason: Reason
    as_of: Time | None
    """Time of the latest change of a job that the counters include; null if there is none. Changes are counted within
    seconds."""
    tools: dict[str, Counters]
    """The counters per tool."""


class ServiceHealth(TypedDict):
    """The service is running."""

    status: Literal["ok"]
    """Always `ok`."""
    version: str
    """Version of the service."""


class OpenApi(TypedDict):
    """An OpenAPI document."""

    openapi: str
    """Version of the OpenAPI specification."""
    info: dict[str, Any]
    """Title, version and license of the API."""
    paths: dict[str, Any]
    """Operations per path."""


class McpRequest(TypedDict):
    """A JSON-RPC 2.0 request, or a notification without `id`."""

    jsonrpc: Literal["2.0"]
    """Version of JSON-RPC."""
    id: NotRequired[int | str]
    """Id that the response repeats."""
    method: Annotated[str, Schema(examples=["tools/list", "tools/call"])]
    """Method of the Model Context Protocol."""
    params: NotRequired[dict[str, Any]]
    """Parameters of the method."""


class McpError(TypedDict):
    """A JSON-RPC error."""

    code: int
    """Code of JSON-RPC or of the Model Context Protocol."""
    message: str
    """Description of the error."""
    data: NotRequired[Any]
    """More about the error: the inner object of an error envelope, or what the protocol defines for the code."""


class McpResponse(TypedDict):
    """A JSON-RPC 2.0 response, with either `result` or `error`."""

    jsonrpc: Literal["2.0"]
    """Version of JSON-RPC."""
    id: int | str | None
    """Id of the request. Null if it could not be read."""
    result: NotRequired[dict[str, Any]]
    """Result of the method."""
    error: NotRequired[McpError]


class ResourceMetadata(TypedDict):
    """OAuth 2.0 Protected Resource Metadata (RFC 9728)."""

    resource: Annotated[str, Schema(format="uri")]
    """URL of the Model Context Protocol, for which tokens are requested."""
    resource_name: str
    """Name of the service."""
    authorization_servers: list[str]
    """Issuers of the tokens."""
    bearer_methods_supported: list[Literal["header"]]
    """Part of a request that carries the token."""
    scopes_supported: list[Scope]
    """Scopes of a client of the Model Context Protocol."""
