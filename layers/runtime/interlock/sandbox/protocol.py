"""Frames between supervisor and worker: token, type, length, body.

The token is of one run. What else stands in the pipe (a plugin may write to any descriptor) is passed over, and
so is whatever an earlier run has left there.
"""

import json
import os
import struct
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from enum import IntEnum, IntFlag
from typing import Self

TOKEN_BYTES = 16
_HEAD = struct.Struct(">BQ")
HEAD_BYTES = TOKEN_BYTES + _HEAD.size
SMALL_FRAME_BYTES = 4096
"""PIPE_BUF on Linux: a frame up to here is written whole or not at all, whatever signal arrives meanwhile."""


class FrameType(IntEnum):
    READY = 1
    PROGRESS = 2
    LOG = 3
    RESULT = 4


_KINDS = frozenset(FrameType)


class Flag(IntFlag):
    """The first byte of a RESULT. RETIRE: do not use this process again. INTERRUPTED: the run was stopped."""

    WARM = 0
    RETIRE = 1
    INTERRUPTED = 2


@dataclass(frozen=True, slots=True)
class RunHeader:
    """What the worker is told of a run besides the request."""

    token: str
    wall_s: float
    memory_mb: int
    temp_dir: str

    def to_bytes(self) -> bytes:
        return json.dumps(asdict(self)).encode()

    @classmethod
    def from_bytes(cls, text: bytes) -> Self:
        return cls(**json.loads(text))


_REQUEST = struct.Struct(">IQ")


def request_frame(header: RunHeader, request: bytes) -> bytes:
    """What the supervisor sends: the lengths of header and request, then both."""
    text = header.to_bytes()
    return _REQUEST.pack(len(text), len(request)) + text + request


def read_request(descriptor: int) -> tuple[RunHeader, bytes] | None:
    """Waits for the next request. None: the supervisor has closed the pipe."""
    head = read_exactly(descriptor, _REQUEST.size)
    if head is None:
        return None
    header_bytes, request_bytes = _REQUEST.unpack(head)
    header, request = read_exactly(descriptor, header_bytes), read_exactly(descriptor, request_bytes)
    if header is None or request is None:
        return None
    return RunHeader.from_bytes(header), request


def read_exactly(descriptor: int, size: int) -> bytes | None:
    """`size` bytes, or None at the end of the stream."""
    parts = bytearray()
    while len(parts) < size:
        part = os.read(descriptor, min(size - len(parts), 1 << 20))
        if not part:
            return None
        parts += part
    return bytes(parts)


def frame(token: bytes, kind: FrameType, body: bytes) -> bytes:
    return token + _HEAD.pack(kind, len(body)) + body


def write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


class TooLarge(Exception):
    """A frame announces a body over the limit."""

    def __init__(self, size_bytes: int) -> None:
        super().__init__(size_bytes)
        self.size_bytes = size_bytes


class FrameReader:
    """Picks the frames of one run out of a stream of bytes."""

    def __init__(self, token: bytes, max_body_bytes: int) -> None:
        self._token = token
        self._max_body_bytes = max_body_bytes
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[FrameType, bytes]]:
        """Takes what was read and yields the frames that are complete. Raises `TooLarge`."""
        self._buffer += data
        while (found := self._next()) is not None:
            yield found

    def _next(self) -> tuple[FrameType, bytes] | None:
        while True:
            start = self._buffer.find(self._token)
            if start < 0:
                # Keep what may be the beginning of a token.
                del self._buffer[: max(0, len(self._buffer) - TOKEN_BYTES + 1)]
                return None
            del self._buffer[:start]
            if len(self._buffer) < HEAD_BYTES:
                return None
            kind, size = _HEAD.unpack_from(self._buffer, TOKEN_BYTES)
            if kind not in _KINDS:
                del self._buffer[:TOKEN_BYTES]
                continue
            if size > self._max_body_bytes:
                raise TooLarge(size)
            if len(self._buffer) < HEAD_BYTES + size:
                return None
            body = bytes(memoryview(self._buffer)[HEAD_BYTES : HEAD_BYTES + size])
            del self._buffer[: HEAD_BYTES + size]
            return FrameType(kind), body
