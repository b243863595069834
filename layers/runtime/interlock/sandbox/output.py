"""What code writes to its standard streams, as bounded lines."""

import os
from collections.abc import Callable

from interlock.sandbox.endings import LogLine

READ_BYTES = 1 << 16
MAX_LINE_BYTES = 8192
_DRAIN_READS = 20
"""So much is read at the end of a run: more than a pipe holds, and no more than that when somebody still writes."""


class OutputLines:
    """Cuts what is read into lines and hands on the first of them, up to a number of lines and bytes. The rest is
    read, so that nobody who writes has to wait, and counted."""

    def __init__(self, max_lines: int, max_bytes: int, on_log: Callable[[LogLine], None]) -> None:
        self._lines_left = max_lines
        self._bytes_left = max_bytes
        self._on_log = on_log
        self._dropped = 0
        self._begun: dict[str, bytes] = {}

    def read(self, descriptor: int, stream: str) -> bool:
        """Reads once. False: all its writers have closed it."""
        try:
            data = os.read(descriptor, READ_BYTES)
        except BlockingIOError:
            return True
        self._split(stream, data)
        return bool(data)

    def finish(self, stdout: int, stderr: int) -> None:
        """Reads what is left in the pipes, hands on lines without an end, and says how many were dropped."""
        for descriptor, stream in ((stdout, "stdout"), (stderr, "stderr")):
            for data in _left_in(descriptor):
                self._split(stream, data)
        for stream, rest in self._begun.items():
            if rest:
                self._hand_on(stream, rest)
        if self._dropped:
            self._on_log(LogLine("log", f"{self._dropped} more lines were dropped", "warning"))

    def add(self, line: LogLine) -> None:
        """Hands on a line that came whole, within the same bounds. After the first over them none is."""
        size = len(line.message.encode())
        if self._lines_left <= 0 or self._bytes_left < size:
            self._lines_left = 0
            self._dropped += 1
            return
        self._lines_left -= 1
        self._bytes_left -= size
        self._on_log(line)

    def _split(self, stream: str, data: bytes) -> None:
        if self._lines_left <= 0:
            # A flood costs no more than to count it.
            self._dropped += data.count(b"\n")
            self._begun[stream] = b""
            return
        *lines, rest = (self._begun.get(stream, b"") + data).split(b"\n")
        for number, line in enumerate(lines):
            if self._lines_left <= 0:
                self._dropped += len(lines) - number
                break
            self._hand_on(stream, line)
        if len(rest) > MAX_LINE_BYTES:
            self._hand_on(stream, rest)
            rest = b""
        self._begun[stream] = rest

    def _hand_on(self, stream: str, line: bytes) -> None:
        self.add(LogLine(stream, line[:MAX_LINE_BYTES].decode("utf-8", "replace")))


def discard(*descriptors: int) -> None:
    """Throws away what stands in pipes: it is of an earlier run."""
    for descriptor in descriptors:
        for _ in _left_in(descriptor):
            pass


def _left_in(descriptor: int) -> list[bytes]:
    """What can be read now, within bounds."""
    parts: list[bytes] = []
    try:
        while len(parts) < _DRAIN_READS and (data := os.read(descriptor, READ_BYTES)):
            parts.append(data)
    except BlockingIOError:
        pass
    return parts
