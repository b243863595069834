"""The protocol between supervisor and worker process: requests and frames over pipes, and the latest progress in a slot
of shared memory.

A frame consists of token, kind, flags, length and body. The token belongs to one run. All other data in the pipe is
skipped, because a plugin may write to any descriptor and an earlier run may have left data. The protocol uses no JSON,
because code may replace functions of the `json` module.
"""

import os
import struct
from collections.abc import Iterator
from enum import IntEnum, IntFlag
from zlib import crc32

from msgspec import Struct

MIB = 1024 * 1024
"""The unit of memory limits in bytes."""

TOKEN_BYTES = 16
_HEAD = struct.Struct(">BBQ")
HEAD_BYTES = TOKEN_BYTES + _HEAD.size
SMALL_FRAME_BYTES = 4096
"""PIPE_BUF on Linux: frames up to this size are written atomically, even if a signal arrives. Only results may be
larger."""

FIRST_READ_BYTES, READ_BYTES = 1 << 16, 1 << 18
"""Sizes of the first and of later reads. Most messages fit into the first; a larger buffer is mapped at each read."""

MAX_TEXT, MAX_TEXT_BYTES = 1000, 3000
MAX_LEVEL = 40
_COUNT_BYTES = 4


class FrameType(IntEnum):
    LOADED = 1
    LOG = 2
    RESULT = 3


_KINDS = frozenset(FrameType)


class Flag(IntFlag):
    """Flags of a RESULT frame. RETIRE: do not use this process again. INTERRUPTED: the run was stopped."""

    WARM = 0
    RETIRE = 1
    INTERRUPTED = 2


class RunHeader(Struct, frozen=True):
    """The description of a run that the worker process gets with a request. `left_s` is the time left in seconds."""

    token: bytes
    left_s: float
    memory_mb: int
    temp_dir: str


class Frame(Struct, frozen=True):
    kind: FrameType
    flags: Flag
    body: bytes


_REQUEST = struct.Struct(f">{TOKEN_BYTES}sdQHQ")


def request_head(header: RunHeader, request_bytes: int) -> bytes:
    """Return the bytes that precede the request."""
    folder = os.fsencode(header.temp_dir)
    return _REQUEST.pack(header.token, header.left_s, header.memory_mb, len(folder), request_bytes) + folder


def read_request(descriptor: int) -> tuple[RunHeader, bytes] | None:
    """Wait for the next request. Return None when the supervisor has closed the pipe."""
    data = _completed(descriptor, b"", _REQUEST.size, FIRST_READ_BYTES)
    if data is None:
        return None
    token, left_s, memory_mb, folder_bytes, request_bytes = _REQUEST.unpack_from(data)
    start = _REQUEST.size + folder_bytes
    data = _completed(descriptor, data, start, FIRST_READ_BYTES)
    if data is None:
        return None
    request = _completed(descriptor, data[start:], request_bytes, READ_BYTES)
    if request is None:
        return None
    return RunHeader(token, left_s, memory_mb, os.fsdecode(data[_REQUEST.size : start])), request


def _completed(descriptor: int, begun: bytes, size: int, read_bytes: int) -> bytes | None:
    """Read until at least `size` bytes are there, including those in `begun`. Return None at the end of the stream."""
    parts, left = [begun], size - len(begun)
    while left > 0:
        part = os.read(descriptor, read_bytes)
        if not part:
            return None
        parts.append(part)
        left -= len(part)
    return b"".join(parts)


def frame_head(token: bytes, kind: FrameType, size: int, flags: Flag = Flag.WARM) -> bytes:
    return token + _HEAD.pack(kind, flags, size)


def write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


SLOT_BYTES = 4096
"""The size of the slot for progress in bytes."""

_SLOT_HEAD = struct.Struct(f">{TOKEN_BYTES}sI")
_PROGRESS = struct.Struct(">QdH")


class Progress(Struct, frozen=True):
    """Progress of a run: fraction (0 to 1) and message. `count` numbers the progress reports of a run, from 1."""

    count: int
    fraction: float
    message: str


def progress_record(token: bytes, progress: Progress) -> bytes:
    """Return the record at the beginning of the slot. Its checksum reveals a record that is half written."""
    text = _encoded(progress.message)
    body = _PROGRESS.pack(progress.count, progress.fraction, len(text)) + text
    return _SLOT_HEAD.pack(token, crc32(body)) + body


def read_progress(token: bytes, slot: bytes) -> Progress | None:
    """Return the progress in a slot, or None if this run has reported none or the record is incomplete or foreign."""
    if len(slot) < _SLOT_HEAD.size + _PROGRESS.size:
        return None
    whose, checksum = _SLOT_HEAD.unpack_from(slot)
    count, fraction, size = _PROGRESS.unpack_from(slot, _SLOT_HEAD.size)
    end = _SLOT_HEAD.size + _PROGRESS.size + size
    # The last comparison is False for NaN as well.
    if whose != token or checksum != crc32(slot[_SLOT_HEAD.size : end]) or not 0 <= fraction <= 1:
        return None
    return Progress(count, fraction, _decoded(slot[end - size : end]))


def loaded_body(threads: int, unforkable: str) -> bytes:
    """Return the body of a LOADED frame: the number of threads of the process, and the reason why no process may be
    forked from it, if any."""
    return threads.to_bytes(_COUNT_BYTES) + _encoded(unforkable)


def read_loaded(body: bytes) -> tuple[int, str]:
    """Return the number of threads that a LOADED frame states, and why the process must not be forked."""
    return int.from_bytes(body[:_COUNT_BYTES]), _decoded(body[_COUNT_BYTES:])


def log_body(level: str, message: str) -> bytes:
    return _encoded(level[:MAX_LEVEL]) + b"\0" + _encoded(message)


def read_log(body: bytes) -> tuple[str, str]:
    """Return level and message."""
    level, _, message = body.partition(b"\0")
    return _decoded(level), _decoded(message)


def _encoded(text: str) -> bytes:
    return text[:MAX_TEXT].encode("utf-8", "replace")[:MAX_TEXT_BYTES]


def _decoded(text: bytes) -> str:
    return text.decode("utf-8", "replace")[:MAX_TEXT]


class TooLarge(Exception):
    """The announced size of a result exceeds the limit."""

    def __init__(self, size_bytes: int) -> None:
        super().__init__(size_bytes)
        self.size_bytes = size_bytes


class FrameReader:
    """Extracts the frames of one run from a stream of bytes."""

    def __init__(self, token: bytes, result_bytes: int) -> None:
        self._token = token
        self._result_bytes = result_bytes
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Yield the frames that are complete with this data. Raise `TooLarge`."""
        self._buffer += data
        while (found := self._next()) is not None:
            yield found

    def _next(self) -> Frame | None:
        while True:
            start = self._buffer.find(self._token)
            if start < 0:
                # Keep bytes that may be the beginning of a token.
                del self._buffer[: max(0, len(self._buffer) - TOKEN_BYTES + 1)]
                return None
            del self._buffer[:start]
            if len(self._buffer) < HEAD_BYTES:
                return None
            kind, flags, size = _HEAD.unpack_from(self._buffer, TOKEN_BYTES)
            if kind == FrameType.RESULT and size > self._result_bytes:
                raise TooLarge(size)
            if kind not in _KINDS or (kind != FrameType.RESULT and size > SMALL_FRAME_BYTES):
                del self._buffer[:TOKEN_BYTES]
                continue
            if len(self._buffer) < HEAD_BYTES + size:
                return None
            body = bytes(memoryview(self._buffer)[HEAD_BYTES : HEAD_BYTES + size])
            del self._buffer[: HEAD_BYTES + size]
            return Frame(FrameType(kind), Flag(flags), body)
