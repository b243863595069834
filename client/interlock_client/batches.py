"""`Batch`, and `AsyncBatch` for `async` code."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Any, Self

from interlock_client.batch_documents import BATCH_FINAL, BatchCounts, BatchDocument, BatchResult, BatchStatus
from interlock_client.errors import error_of

if TYPE_CHECKING:
    from interlock_client.batch_operations import BatchOperations
    from interlock_client.transport import AsyncTransport, SyncTransport


class BatchView:
    """A batch as it was when it was read last."""

    document: BatchDocument

    def __init__(self, document: BatchDocument) -> None:
        self.document = document

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.id} {self.status}>"

    @property
    def id(self) -> str:
        """The batch's id, a ULID."""
        return self.document["batch_id"]

    @property
    def status(self) -> BatchStatus:
        """The status: `preparing`, `running`, `cancelling`, or a final one."""
        return self.document["status"]

    @property
    def counts(self) -> BatchCounts:
        """The number of items by status."""
        return self.document["counts"]

    @property
    def finished(self) -> bool:
        """Whether the status is final: `succeeded`, `failed` or `cancelled`."""
        return self.status in BATCH_FINAL


class Batch(BatchView):
    """A batch. Its properties are those of `document`, which `refresh` and `wait` update."""

    def __init__(self, transport: SyncTransport, operations: BatchOperations, document: BatchDocument) -> None:
        super().__init__(document)
        self._transport = transport
        self._operations = operations

    def refresh(self) -> Self:
        """Read the batch again."""
        self.document = self._transport.perform(self._operations.batch(self.id))
        return self

    def wait(self, timeout: float | None = None) -> Self:
        """Wait until the batch has finished, whatever its outcome. Raise `WaitTimeout` after `timeout` seconds."""
        self.document = self._transport.perform(self._operations.wait_for_batch(self.id, timeout))
        return self

    def cancel(self, reason: str | None = None) -> Self:
        """Request the cancel of the batch. Raise `ConflictError` if it has finished without being cancelled."""
        self.document = self._transport.perform(self._operations.cancel_batch(self.id, reason))
        return self

    def results(self, timeout: float | None = None) -> Iterator[BatchResult]:
        """Wait until the batch has finished, and iterate over its results: one line per item, in their order."""
        self.wait(timeout)
        return self._transport.stream(self._operations.batch_results(self.id))


class AsyncBatch(BatchView):
    """A batch. Its properties are those of `document`, which `refresh` and `wait` update."""

    def __init__(self, transport: AsyncTransport, operations: BatchOperations, document: BatchDocument) -> None:
        super().__init__(document)
        self._transport = transport
        self._operations = operations

    async def refresh(self) -> Self:
        """Read the batch again."""
        self.document = await self._transport.perform(self._operations.batch(self.id))
        return self

    async def wait(self, timeout: float | None = None) -> Self:
        """Wait until the batch has finished, like `Batch.wait`."""
        self.document = await self._transport.perform(self._operations.wait_for_batch(self.id, timeout))
        return self

    async def cancel(self, reason: str | None = None) -> Self:
        """Request the cancel of the batch, like `Batch.cancel`."""
        self.document = await self._transport.perform(self._operations.cancel_batch(self.id, reason))
        return self

    async def results(self, timeout: float | None = None) -> AsyncIterator[BatchResult]:
        """Wait until the batch has finished, and iterate over its results, like `Batch.results`."""
        await self.wait(timeout)
        async for line in self._transport.stream(self._operations.batch_results(self.id)):
            yield line


def value(line: BatchResult) -> Any:
    """Return the result of an item, or raise its error."""
    if "error" in line:
        raise error_of(line["error"])
    return line["result"]
