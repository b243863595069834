"""A cancellation token that can be polled with file descriptors."""

import os
import threading


class CancelToken:
    """A flag that any thread can set once. Its descriptor becomes readable when it is set. Close it after use."""

    def __init__(self) -> None:
        self._read, self._write = os.pipe()
        self._lock = threading.Lock()
        self._closed = False
        self.reason: str | None = None

    @property
    def is_set(self) -> bool:
        return self.reason is not None

    def set(self, reason: str) -> None:
        """Request the stop. Only the first reason is kept. A closed token ignores the call."""
        with self._lock:
            if self.reason is None and not self._closed:
                self.reason = reason
                os.write(self._write, b"x")

    def fileno(self) -> int:
        return self._read

    def close(self) -> None:
        with self._lock:
            if not self._closed:
                self._closed = True
                os.close(self._read)
                os.close(self._write)
