"""Inputs and results of jobs: small ones ride in the job's item, large ones go to the object store."""

import json
from typing import Any

from interlock.domain.job import Job, StoredJson
from interlock.ports import ObjectStore

INLINE_LIMIT_BYTES = 16 * 1024
"""Up to here a document costs less, and is sooner there, as part of the job's item (DynamoDB takes 400 KB in all)."""


def as_text(value: Any) -> str:
    """A value as its document has it: compact, and in ASCII."""
    return json.dumps(value, allow_nan=False, separators=(",", ":"))


class Documents:
    """Writes and reads the JSON documents of jobs."""

    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects

    def write(self, job: Job, name: str, value: Any) -> StoredJson:
        """Stores a document; `name` tells the job's documents apart."""
        text = as_text(value)
        if len(text) <= INLINE_LIMIT_BYTES:
            return StoredJson(len(text), text=text)
        key = f"jobs/{job.tenant}/{job.job_id}/{name}.json"
        self._objects.put(key, text)
        return StoredJson(len(text), key=key)

    def read(self, stored: StoredJson) -> Any:
        """The document. Raises `NotFound` when it has expired."""
        return json.loads(self.text(stored))

    def text(self, stored: StoredJson) -> str:
        """The document as JSON text. Raises `NotFound` when it has expired."""
        return stored.text if stored.text is not None else self._objects.get(str(stored.key))

    def download_url(self, stored: StoredJson, *, expires_in_s: int) -> str:
        """Where a document of the object store can be read for that long."""
        return self._objects.download_url(str(stored.key), expires_in_s=expires_in_s)
