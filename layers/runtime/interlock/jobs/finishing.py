"""Finish a batch: end the jobs that nothing will start, and, when all have finished, write the results and its status.

The jobs are read from the table, consistently. The item results that the workflow reports are not used.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from interlock.domain import batch as batches
from interlock.domain.batch import MAX_BATCH_BYTES, Batch, BatchCounts, BatchStatus
from interlock.domain.errors import AlreadyFinished, ErrorCode, ErrorInfo, NotFound
from interlock.domain.job import Job, StoredJson
from interlock.domain.job_status import JobStatus
from interlock.domain.json_text import as_text
from interlock.jobs.batch_items import in_chunks
from interlock.jobs.documents import Documents
from interlock.jobs.preparing import item_ids
from interlock.jobs.service import JobService
from interlock.ports import BatchStore, Clock, JobStore, ObjectStore, StaleBatch

PAGE = 100
"""Jobs that are read in one call."""

WRITERS = 10

_GONE = ErrorInfo(ErrorCode.NOT_FOUND, "The job has expired.")


class FinishBatch:
    """The last step of a batch's execution. It is repeated until the batch has finished."""

    def __init__(
        self,
        store: BatchStore,
        job_store: JobStore,
        service: JobService,
        documents: Documents,
        objects: ObjectStore,
        *,
        clock: Clock,
        present_error: Callable[..., Mapping[str, Any]],
        on_failure: Callable[[], None],
    ) -> None:
        """`present_error` returns an error as the results show it, as `interlock.http.envelope.error_object` does.
        `on_failure` is called when a batch has failed."""
        self._store = store
        self._jobs = job_store
        self._service = service
        self._documents = documents
        self._objects = objects
        self._clock = clock
        self._present_error = present_error
        self._on_failure = on_failure

    def __call__(self, tenant: str, batch_id: str) -> bool:
        """Return whether the batch has finished, or is gone."""
        batch = self._store.get(tenant, batch_id)
        if batch is None or batch.finished:
            return True
        lines, statuses, unfinished, size = list[str](), list[JobStatus](), list[str](), 0
        for index, job_id, job in self._items(batch):
            statuses.append(job.status if job else JobStatus.FAILED)
            if job is not None and not job.finished:
                unfinished.append(job_id)
            elif not unfinished:
                lines.append(self._line(batch, index, job_id, job, inline=size <= MAX_BATCH_BYTES))
                size += len(lines[-1])
        if unfinished:
            self._end(batch, unfinished)
            return False
        text = "".join(f"{line}\n" for line in lines)
        self._objects.put(batch.results_key, text)
        after = batches.finished(batch, BatchCounts.of(statuses), len(text), now=self._clock())
        try:
            self._store.change(batch, after)
        except StaleBatch:
            return False  # a cancel was written meanwhile, or another execution has finished the batch
        if after.status is BatchStatus.FAILED:
            self._on_failure()
        return True

    def _items(self, batch: Batch) -> Iterator[tuple[int, str, Job | None]]:
        """Yield the index, id and job of each item, None for a job that is gone."""
        index = 0
        for ids in in_chunks(item_ids(batch), PAGE):
            found = self._jobs.of_items(batch.tenant, ids)
            for job_id in ids:
                yield index, job_id, found.get(job_id)
                index += 1

    def _end(self, batch: Batch, job_ids: list[str]) -> None:
        """Cancel unfinished jobs if their batch is being stopped, otherwise settle them: all items have had their turn,
        so the execution of a job that is still pending has been lost."""

        def end(job_id: str) -> None:
            if not batch.stopping:
                self._service.settle(batch.tenant, job_id, worker_gone=True)
                return
            try:
                self._service.cancel(batch.tenant, job_id, batch.cancel.reason if batch.cancel else None)
            except (AlreadyFinished, NotFound):
                return  # it finished first

        with ThreadPoolExecutor(WRITERS) as pool:
            list(pool.map(end, job_ids))

    def _line(self, batch: Batch, index: int, job_id: str, job: Job | None, *, inline: bool) -> str:
        """Return the line of an item in the results."""
        line: dict[str, Any] = {
            "index": index,
            "key": job.item_key if job else None,
            "job_id": job_id,
            "status": job.status if job else JobStatus.FAILED,
        }
        if job is not None and job.result is not None:
            line["result"] = self._result(job.result, job_id, inline=inline)
        else:
            line["error"] = self._present_error(
                job.error if job and job.error else batch.error or _GONE,
                plugin=batch.plugin,
                tool=batch.tool,
                job_id=job_id,
                at=job.completed_at if job else None,
            )
        return as_text(line)

    def _result(self, stored: StoredJson, job_id: str, *, inline: bool) -> Any:
        if not inline:
            return {"job_id": job_id, "size": stored.size_bytes}
        return json.loads(self._documents.text(stored))
