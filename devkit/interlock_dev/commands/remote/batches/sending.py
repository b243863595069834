"""Send the items of a batch. Files that would be too large together are uploaded first, several at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from interlock_client import Interlock
from interlock_client.batch_operations import MAX_BATCH_FILES_BYTES
from interlock_client.files import files_in, with_files

_AT_ONCE = 8

type Advance = Callable[[int, int], None]
"""Called with the number of files uploaded so far, and the number of all files to upload."""


def with_uploads(
    interlock: Interlock, inputs: Sequence[Mapping[str, Any]], advance: Advance
) -> Sequence[Mapping[str, Any]]:
    """Return the inputs with uploads in place of files: of all files if they are too large together to be part of the
    items, otherwise of those that several items share. The client sends the others within the items."""
    uses = Counter(file for one in inputs for file in files_in(one))
    too_large = sum(_size(file) * count for file, count in uses.items()) > MAX_BATCH_FILES_BYTES
    wanted = [file for file, count in uses.items() if too_large or count > 1]
    if not wanted:
        return inputs
    references: dict[Path | bytes, Any] = {}
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for file, reference in zip(wanted, pool.map(interlock.upload, wanted), strict=True):
            references[file] = reference
            advance(len(references), len(wanted))
    return [with_files(one, (references.get(file, file) for file in files_in(one))) for one in inputs]


def _size(file: Path | bytes) -> int:
    return len(file) if isinstance(file, bytes) else file.stat().st_size
