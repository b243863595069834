"""Ends a command on Ctrl-C, SIGTERM and a closed terminal, so that it cleans up whatever it was just doing."""

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType

_SIGNALS = [
    getattr(signal, name)
    for name in ("SIGINT", "SIGTERM", "SIGHUP")
    # Windows has no SIGHUP.
    if hasattr(signal, name)
]


class Stopped(BaseException):
    """A signal asked for the end. Raised wherever the main thread is."""


@contextlib.contextmanager
def stoppable() -> Iterator[None]:
    """Runs its body until it ends or a signal ends it. While it cleans up, further signals are ignored."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        raise Stopped

    before = {number: signal.signal(number, stop) for number in _SIGNALS}
    try:
        with contextlib.suppress(Stopped):
            yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
