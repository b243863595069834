"""End a command on Ctrl-C, SIGTERM and a closed terminal, so that it cleans up at any point."""

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
    """A signal requested the end. Raised in the main thread."""


@contextlib.contextmanager
def stoppable() -> Iterator[None]:
    """Run the body until it returns or a signal ends it. During the clean-up, further signals are ignored."""

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
