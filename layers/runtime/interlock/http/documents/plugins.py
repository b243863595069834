"""Plugins, their tools and their counters, and the service itself."""

from typing import Annotated, Any, Literal, TypedDict

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
    input_schema: dict[str, Any]
    """JSON Schema 2020-12 of the input."""
    output_schema: dict[str, Any]
    """JSON Schema 2020-12 of the result."""


class Setting(TypedDict):
    """A setting that the operator of the service gives the plugin. Values are never shown."""

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


class PluginManifest(TypedDict):
    """A plugin with its tools."""

    name: PluginName
    version: Version
    title: Title
    description: Description
    tools: list[Tool]
    """The tools; the first is the default. Empty if the plugin could not be loaded."""
    fork_safe: bool
    """Whether the plugin declares that it may be loaded once, and processes for each tenant be forked from there.
    Otherwise each process loads it. So does each process of a plugin whose `setup()` leaves threads, files or other
    things behind that a fork cannot copy; the function's log says so."""
    settings: list[Setting]
    """The settings that the plugin declares."""


class PluginSummary(TypedDict):
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

    # In the types, because pydantic reads attribute docstrings of the class itself, not those of its bases.
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


class PluginHealth(Counters):
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
