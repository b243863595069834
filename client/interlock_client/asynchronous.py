"""`AsyncInterlock`, the client for `async` code, and `AsyncJob`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from interlock_client.batch_documents import BatchDocument
from interlock_client.batch_operations import BatchOperations
from interlock_client.batches import AsyncBatch, value
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
from interlock_client.transport import AsyncTransport


class AsyncInterlock:
    """`Interlock` for `async` code. All arguments and errors are the same."""

    def __init__(
        self, url: str, key: str | None = None, *, token: str | None = None, retries: Retries | None = None
    ) -> None:
        self._transport = AsyncTransport(url, key, token)
        self._operations = BatchOperations(url, retries or Retries())

    async def run(
        self,
        tool: str,
        input: Mapping[str, Any] | None = None,
        /,
        *,
        timeout_s: float | None = None,
        idempotency_key: str | None = None,
        **fields: Any,
    ) -> Any:
        """Run a tool and return its result, like `Interlock.run`."""
        options = RunOptions(timeout_s=timeout_s, idempotency_key=idempotency_key)
        return await self._transport.perform(self._operations.run(tool, {**(input or {}), **fields}, options))

    async def submit(
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
    ) -> AsyncJob:
        """Create an asynchronous job, like `Interlock.submit`."""
        options = RunOptions(timeout_s, deadline_s, idempotency_key, webhook)
        operation = self._operations.submit(tool, {**(input or {}), **fields}, options)
        return self._job(await self._transport.perform(operation))

    async def job(self, job_id: str) -> AsyncJob:
        """Return a job."""
        return self._job(await self._transport.perform(self._operations.job(job_id)))

    async def jobs(
        self,
        *,
        plugin: str | None = None,
        tool: str | None = None,
        status: Status | Sequence[Status] | None = None,
        batch: str | None = None,
        created_after: datetime | None = None,
        created_before: datetime | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[AsyncJob]:
        """Iterate over jobs, newest first, like `Interlock.jobs`."""
        filters = JobFilters(plugin, tool, status, created_after, created_before, batch)
        async for one in self._transport.stream(self._operations.jobs(filters, limit)):
            yield self._job(one)

    async def submit_batch(
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
    ) -> AsyncBatch:
        """Create a batch, like `Interlock.submit_batch`."""
        options = BatchOptions(
            keys, max_concurrency, tolerated_failures, timeout_s, deadline_s, webhook, idempotency_key
        )
        return self._batch(await self._transport.perform(self._operations.submit_batch(tool, inputs, options)))

    async def map(
        self, tool: str, inputs: Iterable[Mapping[str, Any]], /, *, max_concurrency: int | None = None
    ) -> AsyncIterator[Any]:
        """Run a tool on many inputs as a batch, like `Interlock.map`. The batch is created when the first result is
        requested."""
        batch = await self.submit_batch(tool, inputs, max_concurrency=max_concurrency)
        async for line in batch.results():
            yield value(line)

    async def batch(self, batch_id: str) -> AsyncBatch:
        """Return a batch."""
        return self._batch(await self._transport.perform(self._operations.batch(batch_id)))

    async def batches(self, *, limit: int | None = None) -> AsyncIterator[AsyncBatch]:
        """Iterate over batches, newest first, like `Interlock.batches`."""
        async for one in self._transport.stream(self._operations.batches(limit)):
            yield self._batch(one)

    async def plugins(self) -> list[PluginSummary]:
        """List the plugins, including those that could not be loaded."""
        return await self._transport.perform(self._operations.plugins())

    async def plugin(self, name: str) -> Manifest:
        """Return a plugin with its tools and their schemas."""
        return await self._transport.perform(self._operations.plugin(name))

    async def health(self, name: str) -> PluginHealth:
        """Return a plugin's state and counters."""
        return await self._transport.perform(self._operations.health(name))

    async def service_health(self) -> ServiceHealth:
        """Return the service's status and version. No key is needed."""
        health: ServiceHealth = await self._transport.perform(self._operations.get("/v1/health"))
        return health

    async def upload(self, file: Path | bytes, *, content_type: str | None = None) -> Upload:
        """Upload a file of up to 100 MiB, like `Interlock.upload`."""
        return await self._transport.perform(self._operations.upload(file, content_type))

    def keys(self) -> AsyncIterator[ApiKey]:
        """Iterate over the API keys of the tenant, like `Interlock.keys`."""
        return self._transport.stream(self._operations.keys())

    async def create_key(
        self,
        scopes: Sequence[Scope],
        *,
        name: str | None = None,
        expires_in_s: float | None = None,
        rate: str | None = None,
        concurrency: int | None = None,
    ) -> NewApiKey:
        """Create an API key, like `Interlock.create_key`."""
        limits = {"expires_in_s": expires_in_s, "rate": rate, "concurrency": concurrency}
        return await self._transport.perform(self._operations.create_key({"scopes": [*scopes], "name": name, **limits}))

    async def revoke_key(self, key_id: str) -> ApiKey:
        """Revoke an API key, like `Interlock.revoke_key`."""
        return await self._transport.perform(self._operations.revoke_key(key_id))

    async def webhook_secret(self) -> WebhookSecret:
        """Return the secret of webhooks, like `Interlock.webhook_secret`."""
        return await self._transport.perform(self._operations.webhook_secret())

    async def rotate_webhook_secret(self) -> WebhookSecret:
        """Replace the secret of webhooks, like `Interlock.rotate_webhook_secret`."""
        return await self._transport.perform(self._operations.rotate_webhook_secret())

    def _batch(self, document: BatchDocument) -> AsyncBatch:
        return AsyncBatch(self._transport, self._operations, document)

    def _job(self, document: JobDocument) -> AsyncJob:
        return AsyncJob(self._transport, self._operations, document)

    async def close(self) -> None:
        """Close the connections."""
        await self._transport.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()


class AsyncJob(JobView):
    """`Job` for `async` code."""

    def __init__(self, transport: AsyncTransport, operations: Operations, document: JobDocument) -> None:
        super().__init__(document)
        self._transport = transport
        self._operations = operations

    async def refresh(self) -> Self:
        """Read the job again."""
        self.document = await self._transport.perform(self._operations.job(self.id))
        return self

    async def wait(self, timeout: float | None = None) -> Self:
        """Wait until the job has finished, like `Job.wait`."""
        self.document = await self._transport.perform(self._operations.wait(self.id, timeout))
        return self

    async def result(self, timeout: float | None = None) -> Any:
        """Wait until the job has finished, and return its result, like `Job.result`."""
        return await self._transport.perform(self._operations.result(self.id, timeout))

    def events(self, *, after: int = 0, follow: bool = True) -> AsyncIterator[Event]:
        """Iterate over the job's events, like `Job.events`."""
        return self._transport.stream(self._operations.events(self.id, after, follow=follow))

    async def cancel(self, reason: str | None = None) -> Self:
        """Request the cancel of the job, like `Job.cancel`."""
        self.document = await self._transport.perform(self._operations.cancel(self.id, reason))
        return self

    async def redeliver(self, event: WebhookEvent | None = None) -> Self:
        """Send the messages of the webhook again, like `Job.redeliver`."""
        self.document = await self._transport.perform(self._operations.redeliver(self.id, event))
        return self

    async def rerun(
        self,
        input: Mapping[str, Any] | None = None,
        /,
        *,
        timeout_s: float | None = None,
        deadline_s: float | None = None,
        webhook: WebhookOption = None,
        idempotency_key: str | None = None,
        **changes: Any,
    ) -> AsyncJob:
        """Run the job again as a new job, like `Job.rerun`."""
        options = RunOptions(timeout_s, deadline_s, idempotency_key, webhook)
        steps = self._operations.rerun(self.id, {**(input or {}), **changes}, options)
        return AsyncJob(self._transport, self._operations, await self._transport.perform(steps))
