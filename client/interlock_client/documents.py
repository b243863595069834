"""Types of the response documents. A service may send more fields than these."""

from typing import Any, Literal, NotRequired, TypedDict

type Status = Literal["pending", "running", "cancelling", "succeeded", "failed", "timed_out", "cancelled"]
type CancelOutcome = Literal["prevented", "stopped", "killed", "too_late"]
type Scope = Literal["execute", "jobs:read", "jobs:cancel", "plugins:read", "admin"]
type KeyState = Literal["active", "expired", "revoked"]
type State = Literal["LOADED", "INITIALIZED", "RUNNING", "FAILED", "UNAVAILABLE"]
type WebhookEvent = Literal["started", "finished"]
type DeliveryState = Literal["pending", "delivered", "failed"]

FINAL = frozenset({"succeeded", "failed", "timed_out", "cancelled"})
"""Statuses that never change."""


class ErrorDocument(TypedDict):
    """An error, the inner object of the envelope."""

    type: str
    code: str
    message: str
    details: dict[str, Any]
    plugin: str | None
    tool: str | None
    job_id: str | None
    retryable: bool
    timestamp: str


class Progress(TypedDict):
    """Progress that a running tool has reported; `fraction` is from 0 to 1."""

    fraction: float
    message: str
    at: str


class Cancel(TypedDict):
    """A request to cancel a job, and its outcome."""

    requested_at: str
    reason: str | None
    outcome: CancelOutcome | None


class Client(TypedDict):
    """The program that created a job, as it names itself."""

    name: str
    version: str


class Delivery(TypedDict):
    """The message about an event of a job, and its attempts."""

    event: WebhookEvent
    state: DeliveryState
    attempts: int
    last_status: int | None
    last_error: str | None
    next_attempt_at: str | None


class Webhook(TypedDict):
    """The webhook of a job or batch. Lists have no deliveries."""

    url: str
    events: list[WebhookEvent]
    deliveries: list[Delivery] | None


class WebhookRequest(TypedDict):
    """A webhook to request: the default event is `finished`."""

    url: str
    events: NotRequired[list[WebhookEvent]]


class WebhookSecret(TypedDict):
    """The secret that signs the tenant's webhooks."""

    secret: str
    created_at: str
    previous_expires_at: str | None


class InputRequest(TypedDict):
    """A request of a tool for input from its client, as the Model Context Protocol has it."""

    method: Literal["elicitation/create", "sampling/createMessage", "roots/list"]
    params: dict[str, Any]


class JobDocument(TypedDict):
    """A job, without its result. Times are RFC 3339 in UTC."""

    job_id: str
    plugin: str
    tool: str
    plugin_version: str
    status: Status
    attempt: int
    progress: Progress | None
    created_at: str
    started_at: str | None
    completed_at: str | None
    updated_at: str
    expires_at: str
    execution_time_ms: float | None
    timeout_s: float
    deadline_at: str | None
    rerun_of: str | None
    batch_id: str | None
    key: str | None
    source: Literal["http", "mcp"]
    client: Client | None
    input_requests: dict[str, InputRequest] | None
    webhook: Webhook | None
    cancel: Cancel | None
    error: ErrorDocument | None


class StateEvent(TypedDict):
    """The job changed its status."""

    seq: int
    at: str
    type: Literal["state"]
    status: Status


class ProgressEvent(TypedDict):
    """The tool reported progress."""

    seq: int
    at: str
    type: Literal["progress"]
    fraction: float
    message: str


class LogEvent(TypedDict):
    """The tool wrote a line to its logger or to a standard stream."""

    seq: int
    at: str
    type: Literal["log"]
    level: str
    stream: Literal["stdout", "stderr", "log"]
    message: str


class DroppedEvent(TypedDict):
    """Older events were dropped."""

    seq: int
    at: str
    type: Literal["dropped"]
    count: int
    message: str


type Event = StateEvent | ProgressEvent | LogEvent | DroppedEvent


class Tool(TypedDict):
    """A tool with the JSON Schemas (2020-12) of its input and output."""

    name: str
    title: str
    description: str
    timeout_s: float
    memory_mb: int
    network: bool
    isolation: Literal["tenant", "run"]
    read_only: bool | None
    idempotent: bool | None
    destructive: bool | None
    task: Literal["auto", "always", "required"]
    input_schema: dict[str, Any]
    output_schema: dict[str, Any]


class Setting(TypedDict):
    """A setting that a plugin declares. `type` is that of JSON Schema. Values are never shown."""

    name: str
    type: str
    description: str
    required: bool
    secret: bool


class Manifest(TypedDict):
    """A plugin with its tools. The first tool is the default. `fork_unsafe_reason` is why each process loads the plugin
    itself (`fork_safe` is False)."""

    name: str
    version: str
    title: str
    description: str
    tools: list[Tool]
    fork_safe: bool
    fork_unsafe_reason: str | None
    settings: list[Setting]


class PluginSummary(TypedDict):
    """A plugin in the list of plugins. `reason` is why it is unavailable; `fork_unsafe_reason` as in `Manifest`."""

    name: str
    version: str
    title: str
    description: str
    state: State
    reason: str | None
    fork_safe: bool
    fork_unsafe_reason: str | None
    tools: list[str]


class Counters(TypedDict):
    """Sums over finished jobs. Times are None before the first execution."""

    success_count: int
    error_count: int
    cancelled_count: int
    timed_out_count: int
    last_execution_time_ms: float | None
    avg_execution_time_ms: float | None
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    last_used: str | None


class PluginHealth(Counters):
    """State of a plugin, and its counters in total and per tool. They count up to `as_of`."""

    name: str
    version: str
    state: State
    reason: str | None
    fork_safe: bool
    fork_unsafe_reason: str | None
    as_of: str | None
    tools: dict[str, Counters]


class ApiKey(TypedDict):
    """An API key, without the key itself. `hint` is its last characters; limits that are None are those of the
    service."""

    key_id: str
    name: str | None
    tenant: str
    scopes: list[Scope]
    state: KeyState
    rate: str | None
    concurrency: int | None
    hint: str | None
    created_at: str | None
    created_by: str | None
    expires_at: str | None
    revoked_at: str | None


class NewApiKey(ApiKey):
    """A key that was just created. `key` is shown this once."""

    key: str


class ServiceHealth(TypedDict):
    """The service is running."""

    status: Literal["ok"]
    version: str


class Upload(TypedDict):
    """A reference to an uploaded file, for use in an input."""

    upload_id: str
