"""The documents of jobs, inputs and results: inline in the job's item if they are small, or in the object store."""

import json
from typing import Any

from interlock.domain.job import Job, StoredJson
from interlock.domain.json_text import as_text, decoded
from interlock.ports import ObjectStore

INLINE_LIMIT_BYTES = 16 * 1024
"""Up to this size a document is cheaper and faster in the job's item (DynamoDB allows 400 KB in all)."""


class Documents:
    """Writes and reads the documents of jobs."""

    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects

    def write(self, job: Job, name: str, value: Any) -> StoredJson:
        """Store a document. `name` distinguishes the documents of one job."""
        text = as_text(value)
        if len(text) <= INLINE_LIMIT_BYTES:
            return StoredJson(len(text), text=text)
        key = f"jobs/{job.tenant}/{job.job_id}/{name}.json"
        self._objects.put(key, text)
        return StoredJson(len(text), key=key)

    def read(self, stored: StoredJson) -> Any:
        """Read a document. Raise `NotFound` if it has expired."""
        return decoded(json.loads, self.text(stored))

    def text(self, stored: StoredJson) -> str:
        """Read a document as JSON text. Raise `NotFound` if it has expired."""
        return stored.text if stored.text is not None else self._objects.get(str(stored.key))

    def download_url(self, stored: StoredJson, *, expires_in_s: int) -> str:
        """Return a presigned URL of a document in the object store."""
        return self._objects.download_url(str(stored.key), expires_in_s=expires_in_s)


def merged(target: Any, patch: Any) -> Any:
    """Return the document with the patch applied (RFC 7396, section 2): objects are merged, null removes a field, and
    any other value replaces what was there."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name), value)
    return result
