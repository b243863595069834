"""What supervisor and worker say to each other: requests one way and frames the other, over pipes; and progress, in a
slot of shared memory, of which only the latest counts.

A frame is token, kind, flags, length and body. The token is of one run. What else stands in the pipe (a plugin may
write to any descriptor) is passed over, and so is whatever an earlier run has left there. No JSON here: code may
replace what the `json` module holds.
"""

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum, IntFlag
from zlib import crc32

MIB = 1024 * 1024
"""The unit of memory limits in bytes."""

TOKEN_BYTES = 16
_HEAD = struct.Struct(">BBQ")
HEAD_BYTES = TOKEN_BYTES + _HEAD.size
SMALL_FRAME_BYTES = 4096
"""PIPE_BUF on Linux: a frame up to here is written whole or not at all, whatever signal arrives meanwhile. All are,
but for results."""

READ_BYTES = 1 << 18
MAX_TEXT, MAX_TEXT_BYTES = 1000, 3000
MAX_LEVEL = 40


class FrameType(IntEnum):
    READY = 1
    LOG = 2
    RESULT = 3


_KINDS = frozenset(FrameType)


class Flag(IntFlag):
    """Comes with a RESULT. RETIRE: do not use this process again. INTERRUPTED: the run was stopped."""

    WARM = 0
    RETIRE = 1
    INTERRUPTED = 2


@dataclass(frozen=True, slots=True)
class RunHeader:
    """What the worker is told of a run besides the request."""

    token: bytes
    wall_s: float
    memory_mb: int
    temp_dir: str


@dataclass(frozen=True, slots=True)
class Frame:
    kind: FrameType
    flags: Flag
    body: bytes


_REQUEST = struct.Struct(f">{TOKEN_BYTES}sdQHQ")


def request_head(header: RunHeader, request_bytes: int) -> bytes:
    """What the supervisor sends before the request itself."""
    folder = os.fsencode(header.temp_dir)
    return _REQUEST.pack(header.token, header.wall_s, header.memory_mb, len(folder), request_bytes) + folder


def read_request(descriptor: int) -> tuple[RunHeader, bytes] | None:
    """Waits for the next request. None: the supervisor has closed the pipe."""
    head = _read_exactly(descriptor, _REQUEST.size)
    if head is None:
        return None
    token, wall_s, memory_mb, folder_bytes, request_bytes = _REQUEST.unpack(head)
    folder, request = _read_exactly(descriptor, folder_bytes), _read_exactly(descriptor, request_bytes)
    if folder is None or request is None:
        return None
    return RunHeader(token, wall_s, memory_mb, os.fsdecode(folder)), request


def _read_exactly(descriptor: int, size: int) -> bytes | None:
    """`size` bytes, or None at the end of the stream."""
    parts = []
    while size:
        part = os.read(descriptor, min(size, READ_BYTES))
        if not part:
            return None
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def frame_head(token: bytes, kind: FrameType, size: int, flags: Flag = Flag.WARM) -> bytes:
    return token + _HEAD.pack(kind, flags, size)


def write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


SLOT_BYTES = 4096
"""The size of the slot for progress."""

_SLOT_HEAD = struct.Struct(f">{TOKEN_BYTES}sI")
_PROGRESS = struct.Struct(">QdH")


@dataclass(frozen=True, slots=True)
class Told:
    """Progress as the worker told it: fraction (0 to 1) and message. `count` numbers what a run has told, from 1."""

    count: int
    fraction: float
    message: str


def progress_record(token: bytes, told: Told) -> bytes:
    """What stands at the beginning of the slot. The checksum shows a record that is read while it is written."""
    text = _encoded(told.message)
    said = _PROGRESS.pack(told.count, told.fraction, len(text)) + text
    return _SLOT_HEAD.pack(token, crc32(said)) + said


def read_progress(token: bytes, slot: bytes) -> Told | None:
    """None: this run has told nothing, or somebody else has written there, or it is being written just now."""
    if len(slot) < _SLOT_HEAD.size + _PROGRESS.size:
        return None
    whose, checksum = _SLOT_HEAD.unpack_from(slot)
    count, fraction, size = _PROGRESS.unpack_from(slot, _SLOT_HEAD.size)
    end = _SLOT_HEAD.size + _PROGRESS.size + size
    # The last is False for a NaN, too.
    if whose != token or checksum != crc32(slot[_SLOT_HEAD.size : end]) or not 0 <= fraction <= 1:
        return None
    return Told(count, fraction, _decoded(slot[end - size : end]))


def log_body(level: str, message: str) -> bytes:
    return _encoded(level[:MAX_LEVEL]) + b"\0" + _encoded(message)


def read_log(body: bytes) -> tuple[str, str]:
    """Level and message."""
    level, _, message = body.partition(b"\0")
    return _decoded(level), _decoded(message)


def _encoded(text: str) -> bytes:
    return text[:MAX_TEXT].encode("utf-8", "replace")[:MAX_TEXT_BYTES]


def _decoded(text: bytes) -> str:
    return text.decode("utf-8", "replace")[:MAX_TEXT]


class TooLarge(Exception):
    """A result is announced that is over the limit."""

    def __init__(self, size_bytes: int) -> None:
        super().__init__(size_bytes)
        self.size_bytes = size_bytes


class FrameReader:
    """Picks the frames of one run out of a stream of bytes."""

    def __init__(self, token: bytes, result_bytes: int) -> None:
        self._token = token
        self._result_bytes = result_bytes
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Takes what was read and yields the frames that are complete. Raises `TooLarge`."""
        self._buffer += data
        while (found := self._next()) is not None:
            yield found

    def _next(self) -> Frame | None:
        while True:
            start = self._buffer.find(self._token)
            if start < 0:
                # Keep what may be the beginning of a token.
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
