"""A cancel that wakes who waits for descriptors."""

import os
import threading


class CancelToken:
    """Set once, from any thread; readable from then on. Close it after use."""

    def __init__(self) -> None:
        self._read, self._write = os.pipe()
        self._lock = threading.Lock()
        self._closed = False
        self.reason: str | None = None

    @property
    def is_set(self) -> bool:
        return self.reason is not None

    def set(self, reason: str) -> None:
        """Asks for the stop. The first reason stays; on a closed token it does nothing."""
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
