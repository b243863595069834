"""Map jobs to items of the table and back. Pure: an item's shape is written nowhere else."""

import json
from collections.abc import Mapping, Sequence
from copy import replace
from typing import Any

from msgspec import Struct, to_builtins

from interlock.adapters.dynamo.attributes import Item, deserialized, epoch_ms, from_epoch_ms, present
from interlock.adapters.dynamo.fields import Form, decoded, encoded
from interlock.adapters.dynamo.indexes import (
    ENTRY_ATTRIBUTES,
    NOT_IN_ENTRIES,
    REARRANGED,
    for_entries,
    from_entries,
    index_keys,
    lease_to_item,
    shows_all,
)
from interlock.domain.errors import ErrorCode, ErrorInfo
from interlock.domain.events import Event, EventLog, EventType
from interlock.domain.job import Job, Progress
from interlock.domain.job_id import random_part
from interlock.domain.job_status import FINAL, JobStatus
from interlock.domain.json_text import as_unicode_text
from interlock.domain.outcome import ClientInput
from interlock.domain.times import from_rfc3339, rfc3339

JOB = "JOB"


def job_key(tenant: str, job_id: str) -> Item:
    """Return the key of a job: the random part of its id, which is the same for all jobs with one idempotency key."""
    return {"pk": f"JOB#{tenant}#{random_part(job_id)}", "sk": JOB}


def job_to_item(job: Job) -> Item:
    """Return the item of a job: its fields, its lease, and the keys of its entries in the indexes."""
    item: Item = {
        **job_key(job.tenant, job.job_id),
        **encoded(job, _SPECIAL),
        **index_keys(job),
        "ttl": int(job.expires_at.timestamp()),
        "event_seq": job.events.last_seq,
    }
    if job.lease_expires_at is not None:
        item |= lease_to_item(job.lease_expires_at)
    return present(for_entries(item, job))


def job_from_item(item: Mapping[str, Any]) -> Job:
    """Return the job of an item."""
    job = decoded(Job, from_entries(item), _SPECIAL)
    return replace(job, events=replace(job.events, last_seq=int(item.get("event_seq", 0))))


def job_from_entry(tenant: str, entry: Mapping[str, Any]) -> Job | None:
    """Return what a list shows of a job, by its entry in an index. None: the job has to be read."""
    if not shows_all(entry, finished=JobStatus(entry["status"]) in FINAL):
        return None
    return decoded(Job, {**from_entries(entry), "tenant": tenant, "updated_at": entry["completed_at"]}, _SPECIAL)


def snapshot[T: Struct](cls: type[T], image: Mapping[str, Any]) -> T:
    """Return a record with some fields of a job or batch, from its item in DynamoDB's own form."""
    names = cls.__struct_fields__
    found = {name: image[name] for name in (*names, *REARRANGED) if name in image}
    item = from_entries(deserialized(found))
    return decoded(cls, {name: item[name] for name in names if name in item}, _SPECIAL)


def events_to_text(log: EventLog) -> str | None:
    """Return the events as one attribute. JSON text takes a third of the size of DynamoDB's own lists and maps."""
    rows = [[event.seq, rfc3339(event.at), event.type, event.fields] for event in log.events]
    return as_unicode_text(rows) if rows else None


def _events_from_text(text: str) -> EventLog:
    rows = json.loads(text)
    return EventLog(tuple(Event(from_rfc3339(at), EventType(kind), said, seq) for seq, at, kind, said in rows))


def progress_to_item(progress: Progress) -> Item:
    """Return the map of a job's progress."""
    return encoded(progress)


def _error_from_text(text: str) -> ErrorInfo:
    document = json.loads(text)
    return ErrorInfo(ErrorCode(document["code"]), document["message"], document["details"])


ERROR_FORM = Form(lambda error: json.dumps(to_builtins(error)), _error_from_text)
"""How errors are stored: as JSON text."""


def _client_input_from_text(text: str) -> ClientInput:
    document = json.loads(text)
    return ClientInput(tuple(document["methods"]), document["requests"], document["responses"])


_SPECIAL = {
    "lease_expires_at": Form(epoch_ms, from_epoch_ms),
    "error": ERROR_FORM,
    "client_input": Form(lambda given: as_unicode_text(to_builtins(given)), _client_input_from_text),
    "events": Form(events_to_text, _events_from_text),
}
"""Fields of a job that are not stored in the form of their type."""


LISTED_ATTRIBUTES: Sequence[str] = (
    *(*ENTRY_ATTRIBUTES, *NOT_IN_ENTRIES),
    *("tenant", "job_id", "updated_at", "long_error"),
)
"""Parts of a job that a list shows. Its index entry may lack some of them."""

ITEM_ATTRIBUTES: Sequence[str] = (*LISTED_ATTRIBUTES, "result")
"""Parts of a job that the results of a batch show."""
