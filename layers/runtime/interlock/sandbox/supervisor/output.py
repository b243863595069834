"""The output that code writes to its standard streams, split into lines."""

import os
from collections.abc import Callable

from interlock.sandbox.supervisor.endings import LogLine

READ_BYTES = 1 << 16
MAX_LINE_BYTES = 8192
NEWEST_LINES = 300
"""Maximum number of lines forwarded from one read: the newest ones. Older lines are only counted, so that a flood of
output stays cheap."""

_DRAIN_READS = 20
"""Maximum number of reads at the end of a run: more than a pipe holds, and bounded if a process still writes."""


class OutputLines:
    """Splits output into lines and forwards them. Everything is read, so that no writer blocks; lines that cannot be
    forwarded in time are counted."""

    def __init__(self, on_log: Callable[[LogLine], None]) -> None:
        self._on_log = on_log
        self._begun: dict[str, bytes] = {}

    def read(self, descriptor: int, stream: str) -> bool:
        """Read once. Return False if all writers have closed the stream."""
        try:
            data = os.read(descriptor, READ_BYTES)
        except BlockingIOError:
            return True
        self._split(stream, data)
        return bool(data)

    def finish(self, stdout: int, stderr: int) -> None:
        """Read the rest of the pipes and forward lines without a line end."""
        for descriptor, stream in ((stdout, "stdout"), (stderr, "stderr")):
            for data in _left_in(descriptor):
                self._split(stream, data)
        for stream, rest in self._begun.items():
            if rest:
                self._hand_on(stream, rest)

    def add(self, line: LogLine) -> None:
        """Forward a line that arrived whole."""
        self._on_log(line)

    def _split(self, stream: str, data: bytes) -> None:
        *lines, rest = (self._begun.get(stream, b"") + data).split(b"\n")
        if len(lines) > NEWEST_LINES:
            dropped = len(lines) - NEWEST_LINES
            self._on_log(LogLine(stream, f"{dropped} lines were dropped", dropped=dropped))
        for line in lines[-NEWEST_LINES:]:
            self._hand_on(stream, line)
        if len(rest) > MAX_LINE_BYTES:
            self._hand_on(stream, rest)
            rest = b""
        self._begun[stream] = rest

    def _hand_on(self, stream: str, line: bytes) -> None:
        self.add(LogLine(stream, line[:MAX_LINE_BYTES].decode("utf-8", "replace")))


def discard(*descriptors: int) -> None:
    """Discard the content of pipes, which belongs to an earlier run."""
    for descriptor in descriptors:
        for _ in _left_in(descriptor):
            pass


def _left_in(descriptor: int) -> list[bytes]:
    """Return the data that can be read now, within bounds."""
    parts: list[bytes] = []
    try:
        while len(parts) < _DRAIN_READS and (data := os.read(descriptor, READ_BYTES)):
            parts.append(data)
    except BlockingIOError:
        pass
    return parts
