"""`Interlock`, the client, and `Job`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from interlock_client.batch_documents import BatchDocument
from interlock_client.batch_operations import BatchOperations
from interlock_client.batches import Batch, value
from interlock_client.documents import (
    ApiKey,
    Event,
    JobDocument,
    Manifest,
    NewApiKey,
    PluginHealth,
    PluginSummary,
    Scope,
    ServiceHealth,
    Status,
    Upload,
    WebhookEvent,
    WebhookSecret,
)
from interlock_client.jobs import JobView
from interlock_client.operations import Operations
from interlock_client.options import BatchOptions, JobFilters, RunOptions, WebhookOption
from interlock_client.steps import Retries
from interlock_client.transport import SyncTransport


class Interlock:
    """A client of a service. It is thread-safe; use it as a context manager, or call `close`.

    `url` is the service's base URL, and `key` an API key. `token` is sent instead of a key if the service accepts the
    tokens of an OpenID provider. `retries` is how often a request is sent again.

    All methods raise `InterlockError`: `ConnectionFailed` if the service does not respond, otherwise the class of the
    error's type.
    """

    def __init__(
        self, url: str, key: str | None = None, *, token: str | None = None, retries: Retries | None = None
    ) -> None:
        self._transport = SyncTransport(url, key, token)
        self._operations = BatchOperations(url, retries or Retries())

    def run(
        self,
        tool: str,
        input: Mapping[str, Any] | None = None,
        /,
        *,
        timeout_s: float | None = None,
        idempotency_key: str | None = None,
        **fields: Any,
    ) -> Any:
        """Run a tool and return its result. `tool` is `"plugin.tool"`, or `"plugin"` for its first tool.

        The input's fields are keyword arguments; fields with the names of options go into `input`. A `Path` or `bytes`
        is a file. The run is synchronous, so it has at most 25 s: use `submit(…).result()` for longer ones. Raises the
        error of a run that fails.
        """
        options = RunOptions(timeout_s=timeout_s, idempotency_key=idempotency_key)
        return self._transport.perform(self._operations.run(tool, {**(input or {}), **fields}, options))

    def submit(
        self,
        tool: str,
        input: Mapping[str, Any] | None = None,
        /,
        *,
        timeout_s: float | None = None,
        deadline_s: float | None = None,
        webhook: WebhookOption = None,
        idempotency_key: str | None = None,
        **fields: Any,
    ) -> Job:
        """Create an asynchronous job. Arguments are those of `run`; `deadline_s` limits the time until the job is over,
        waiting included. `webhook` is the URL of a webhook, or `{"url": …, "events": […]}`."""
        options = RunOptions(timeout_s, deadline_s, idempotency_key, webhook)
        return self._job(self._transport.perform(self._operations.submit(tool, {**(input or {}), **fields}, options)))

    def job(self, job_id: str) -> Job:
        """Return a job."""
        return self._job(self._transport.perform(self._operations.job(job_id)))

    def jobs(
        self,
        *,
        plugin: str | None = None,
        tool: str | None = None,
        status: Status | Sequence[Status] | None = None,
        batch: str | None = None,
        created_after: datetime | None = None,
        created_before: datetime | None = None,
        limit: int | None = None,
    ) -> Iterator[Job]:
        """Iterate over jobs, newest first, of the batch with the id `batch` if given. Further pages are fetched on
        demand; `limit` is the total number. Times are timezone-aware; `created_after` is inclusive."""
        filters = JobFilters(plugin, tool, status, created_after, created_before, batch)
        return (self._job(one) for one in self._transport.stream(self._operations.jobs(filters, limit)))

    def submit_batch(
        self,
        tool: str,
        inputs: Iterable[Mapping[str, Any]],
        /,
        *,
        keys: Sequence[str | None] | None = None,
        max_concurrency: int | None = None,
        tolerated_failures: int | str | None = None,
        timeout_s: float | None = None,
        deadline_s: float | None = None,
        webhook: WebhookOption = None,
        idempotency_key: str | None = None,
    ) -> Batch:
        """Create a batch, which runs a tool on many inputs. `keys` are names of the items. When more items fail than
        `tolerated_failures`, a number or a share such as `5%`, the rest is cancelled. `webhook` is the URL of a
        webhook for the end of the batch."""
        options = BatchOptions(
            keys, max_concurrency, tolerated_failures, timeout_s, deadline_s, webhook, idempotency_key
        )
        return self._batch(self._transport.perform(self._operations.submit_batch(tool, inputs, options)))

    def map(
        self, tool: str, inputs: Iterable[Mapping[str, Any]], /, *, max_concurrency: int | None = None
    ) -> Iterator[Any]:
        """Run a tool on many inputs as a batch, and iterate over the results in the order of the inputs. The error of
        an item that failed is raised in its place."""
        return map(value, self.submit_batch(tool, inputs, max_concurrency=max_concurrency).results())

    def batch(self, batch_id: str) -> Batch:
        """Return a batch."""
        return self._batch(self._transport.perform(self._operations.batch(batch_id)))

    def batches(self, *, limit: int | None = None) -> Iterator[Batch]:
        """Iterate over batches, newest first; `limit` is the total number."""
        return (self._batch(one) for one in self._transport.stream(self._operations.batches(limit)))

    def plugins(self) -> list[PluginSummary]:
        """List the plugins, including those that could not be loaded."""
        return self._transport.perform(self._operations.plugins())

    def plugin(self, name: str) -> Manifest:
        """Return a plugin with its tools and their schemas."""
        return self._transport.perform(self._operations.plugin(name))

    def health(self, name: str) -> PluginHealth:
        """Return a plugin's state and counters."""
        return self._transport.perform(self._operations.health(name))

    def service_health(self) -> ServiceHealth:
        """Return the service's status and version. No key is needed."""
        health: ServiceHealth = self._transport.perform(self._operations.get("/v1/health"))
        return health

    def upload(self, file: Path | bytes, *, content_type: str | None = None) -> Upload:
        """Upload a file of up to 100 MiB. The reference can be used in place of the file in several inputs, for 24
        hours. Large files in an input are uploaded automatically."""
        return self._transport.perform(self._operations.upload(file, content_type))

    def keys(self) -> Iterator[ApiKey]:
        """Iterate over the API keys of the tenant, newest first, without the keys themselves. Needs the scope `admin`,
        as do `create_key` and `revoke_key`."""
        return self._transport.stream(self._operations.keys())

    def create_key(
        self,
        scopes: Sequence[Scope],
        *,
        name: str | None = None,
        expires_in_s: float | None = None,
        rate: str | None = None,
        concurrency: int | None = None,
    ) -> NewApiKey:
        """Create an API key for the tenant; `key` in the response is shown this once.

        The new key has no more rights than the caller's key, whose limits it gets where none are given. The request is
        not retried, because each one that arrives creates a key.
        """
        limits = {"expires_in_s": expires_in_s, "rate": rate, "concurrency": concurrency}
        return self._transport.perform(self._operations.create_key({"scopes": [*scopes], "name": name, **limits}))

    def revoke_key(self, key_id: str) -> ApiKey:
        """Revoke an API key of the tenant. It stops working within seconds, for good."""
        return self._transport.perform(self._operations.revoke_key(key_id))

    def webhook_secret(self) -> WebhookSecret:
        """Return the secret that signs the tenant's webhooks. Needs the scope `admin`."""
        return self._transport.perform(self._operations.webhook_secret())

    def rotate_webhook_secret(self) -> WebhookSecret:
        """Replace the secret that signs the tenant's webhooks. For 24 hours, messages are signed with the old secret as
        well. The request is not retried."""
        return self._transport.perform(self._operations.rotate_webhook_secret())

    def _batch(self, document: BatchDocument) -> Batch:
        return Batch(self._transport, self._operations, document)

    def _job(self, document: JobDocument) -> Job:
        return Job(self._transport, self._operations, document)

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


class Job(JobView):
    """A job. Its properties are those of `document`, which `refresh` and `wait` update."""

    def __init__(self, transport: SyncTransport, operations: Operations, document: JobDocument) -> None:
        super().__init__(document)
        self._transport = transport
        self._operations = operations

    def refresh(self) -> Self:
        """Read the job again."""
        self.document = self._transport.perform(self._operations.job(self.id))
        return self

    def wait(self, timeout: float | None = None) -> Self:
        """Wait until the job has finished, whatever its outcome. Raise `WaitTimeout` after `timeout` seconds."""
        self.document = self._transport.perform(self._operations.wait(self.id, timeout))
        return self

    def result(self, timeout: float | None = None) -> Any:
        """Wait until the job has finished, and return its result. Raises the job's error if it has not succeeded, and
        `WaitTimeout` after `timeout` seconds."""
        return self._transport.perform(self._operations.result(self.id, timeout))

    def events(self, *, after: int = 0, follow: bool = True) -> Iterator[Event]:
        """Iterate over the job's events: states, progress and log lines, from number `after + 1` on. With `follow` also
        over those to come, until the job has finished."""
        return self._transport.stream(self._operations.events(self.id, after, follow=follow))

    def cancel(self, reason: str | None = None) -> Self:
        """Request the cancel of the job. Raise `ConflictError` if it has finished without being cancelled."""
        self.document = self._transport.perform(self._operations.cancel(self.id, reason))
        return self

    def redeliver(self, event: WebhookEvent | None = None) -> Self:
        """Send the messages of the job's webhook again: the one about an event, or all that have happened."""
        self.document = self._transport.perform(self._operations.redeliver(self.id, event))
        return self

    def rerun(
        self,
        input: Mapping[str, Any] | None = None,
        /,
        *,
        timeout_s: float | None = None,
        deadline_s: float | None = None,
        webhook: WebhookOption = None,
        idempotency_key: str | None = None,
        **changes: Any,
    ) -> Job:
        """Run the job again as a new job. Given fields replace those of the stored input; None removes a field."""
        options = RunOptions(timeout_s, deadline_s, idempotency_key, webhook)
        steps = self._operations.rerun(self.id, {**(input or {}), **changes}, options)
        return Job(self._transport, self._operations, self._transport.perform(steps))
