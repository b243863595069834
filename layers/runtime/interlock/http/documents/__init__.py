"""The response documents of the HTTP contract, one type each. The OpenAPI document is generated from them.

Docstrings of types and fields are the descriptions that API users read. Clients must ignore fields that they do not
know.
"""

from interlock.http.documents.batches import Batch, BatchCounts, BatchList, BatchMessage, BatchResults
from interlock.http.documents.errors import Error, ErrorDetails, ErrorEnvelope
from interlock.http.documents.events import Event, EventList
from interlock.http.documents.jobs import (
    Cancel,
    Download,
    FinishedJob,
    Job,
    JobList,
    JobResult,
    Progress,
    Upload,
    WebhookMessage,
)
from interlock.http.documents.keys import ApiKey, ApiKeyList, NewApiKey
from interlock.http.documents.plugins import (
    Counters,
    ForkSafety,
    McpError,
    McpRequest,
    McpResponse,
    OpenApi,
    PluginHealth,
    PluginList,
    PluginManifest,
    PluginSummary,
    ResourceMetadata,
    ServiceHealth,
)
from interlock.http.documents.webhooks import Delivery, Webhook, WebhookSecret

__all__ = [
    "ApiKey",
    "ApiKeyList",
    "Batch",
    "BatchCounts",
    "BatchList",
    "BatchMessage",
    "BatchResults",
    "Cancel",
    "Counters",
    "Delivery",
    "Download",
    "Error",
    "ErrorDetails",
    "ErrorEnvelope",
    "Event",
    "EventList",
    "FinishedJob",
    "ForkSafety",
    "Job",
    "JobList",
    "JobResult",
    "McpError",
    "McpRequest",
    "McpResponse",
    "NewApiKey",
    "OpenApi",
    "PluginHealth",
    "PluginList",
    "PluginManifest",
    "PluginSummary",
    "Progress",
    "ResourceMetadata",
    "ServiceHealth",
    "Upload",
    "Webhook",
    "WebhookMessage",
    "WebhookSecret",
]
