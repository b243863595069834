"""What code writes to its standard streams, as lines."""

import os
from collections.abc import Callable

from interlock.sandbox.supervisor.endings import LogLine

READ_BYTES = 1 << 16
MAX_LINE_BYTES = 8192
NEWEST_LINES = 300
"""So many lines of one read are handed on, the last ones: a flood costs no more than to count the others."""

_DRAIN_READS = 20
"""So much is read at the end of a run: more than a pipe holds, and no more than that when somebody still writes."""


class OutputLines:
    """Cuts what is read into lines and hands them on. All is read, so that nobody who writes has to wait; what comes
    faster than it can be handed on is counted."""

    def __init__(self, on_log: Callable[[LogLine], None]) -> None:
        self._on_log = on_log
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
        """Reads what is left in the pipes, and hands on lines without an end."""
        for descriptor, stream in ((stdout, "stdout"), (stderr, "stderr")):
            for data in _left_in(descriptor):
                self._split(stream, data)
        for stream, rest in self._begun.items():
            if rest:
                self._hand_on(stream, rest)

    def add(self, line: LogLine) -> None:
        """Hands on a line that came whole."""
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
