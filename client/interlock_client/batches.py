"""What `Batch` and `AsyncBatch` have in common."""

from collections.abc import Iterable, Iterator
from typing import Any

from interlock_client.batch_documents import BATCH_FINAL, BatchCounts, BatchDocument, BatchResult, BatchStatus
from interlock_client.errors import error_of


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


def values(lines: Iterable[BatchResult]) -> Iterator[Any]:
    """Yield the results of items in their order. Raises the error of an item in its place."""
    for line in lines:
        if "error" in line:
            raise error_of(line["error"])
        yield line["result"]
