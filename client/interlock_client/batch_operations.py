"""The operations on batches, as steps. See `steps`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from interlock_client.batch_documents import BATCH_FINAL, BatchDocument, BatchResult
from interlock_client.errors import TransferFailed, UnexpectedResponse, WaitTimeout
from interlock_client.files import MAX_INLINE_BYTES, File
from interlock_client.links import download_url
from interlock_client.operations import Operations
from interlock_client.options import BatchOptions
from interlock_client.pace import Pace
from interlock_client.steps import Emit, Request, Sleep, Steps, Stream, exchange

MAX_INLINE_ITEMS_BYTES = 4_000_000
"""Maximum size of the items that are sent in a request; larger ones are uploaded. A request may have 6 MiB, including
JSON escapes."""

MAX_BATCH_FILES_BYTES = 64 * 1024 * 1024
"""Total size of the files that items contain. As base64 they leave 14 MiB of the 100 MiB that the items may have."""


@dataclass(frozen=True, slots=True)
class BatchOperations(Operations):
    """All operations, with those on batches."""

    def submit_batch(
        self, tool: str, inputs: Iterable[Mapping[str, Any]], options: BatchOptions
    ) -> Steps[BatchDocument]:
        """Create a batch. Items are sent with the request, or uploaded as JSON Lines if they are large."""
        lines, room = list[str](), MAX_BATCH_FILES_BYTES
        for number, given in enumerate(inputs):
            offered = min(room, MAX_INLINE_BYTES)
            sent, left = yield from self._with_files(given, offered)
            room -= offered - left
            key = options.keys[number] if options.keys is not None else None
            lines.append(json.dumps({"input": sent, **({} if key is None else {"key": key})}))
        plugin, _, name = tool.partition(".")
        body: dict[str, Any] = {"plugin": plugin, **({"tool": name} if name else {}), **options.fields}
        if sum(map(len, lines)) <= MAX_INLINE_ITEMS_BYTES:
            body["items"] = [json.loads(line) for line in lines]
        else:
            file = File("\n".join(lines).encode(), "application/jsonl")
            body |= yield from self._upload(file)
        batch: BatchDocument = yield from self._post("/v1/batches", body, options.headers)
        return batch

    def batch(self, batch_id: str) -> Steps[BatchDocument]:
        """Read a batch."""
        batch: BatchDocument = yield from self._get(_batch(batch_id))
        return batch

    def wait_for_batch(self, batch_id: str, timeout_s: float | None) -> Steps[BatchDocument]:
        """Wait until a batch has finished, and return it. Raise `WaitTimeout`."""
        pace = Pace(timeout_s)
        while True:
            batch: BatchDocument = yield from self._get(_batch(batch_id))
            if batch["status"] in BATCH_FINAL:
                return batch
            if pace.left_s() <= 0:
                raise WaitTimeout(f"The batch has not finished within {timeout_s} s.")
            yield Sleep(pace.pause_s())

    def cancel_batch(self, batch_id: str, reason: str | None) -> Steps[BatchDocument]:
        """Request the cancel of a batch."""
        body = {} if reason is None else {"reason": reason}
        batch: BatchDocument = yield from self._post(f"{_batch(batch_id)}/cancel", body, {})
        return batch

    def batches(self, limit: int | None) -> Stream[BatchDocument]:
        """Yield batches, newest first, page by page."""
        return self._listed("/v1/batches", "batches", [], limit)

    def batch_results(self, batch_id: str) -> Stream[BatchResult]:
        """Yield the results of a batch, in the order of its items. Raise `ConflictError` if it has not finished."""
        link = yield from self._get(f"{_batch(batch_id)}/results")
        url = download_url(link, self.service)
        if url is None:
            raise UnexpectedResponse("The service sent no link to the results of the batch.")
        response = yield from exchange(Request("GET", url), self.retries)
        if response.status >= 300:
            raise TransferFailed(
                f"The bucket refused the download with status {response.status}.", status=response.status
            )
        for text in response.content.splitlines():
            line: BatchResult = json.loads(text)
            if _is_left_out(line):
                line["result"] = yield from self.result(line["job_id"], None)
            yield Emit(line)


def _is_left_out(line: BatchResult) -> bool:
    """Return whether the line refers to the job instead of containing its result, which is too large."""
    result = line.get("result")
    return isinstance(result, dict) and result.keys() == {"job_id", "size"} and result["job_id"] == line["job_id"]


def _batch(batch_id: str) -> str:
    return f"/v1/batches/{quote(batch_id, safe='')}"
