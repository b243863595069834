"""Waiting for several descriptors at once."""

import math
import select
from collections.abc import Callable, Iterator


class Waiting:
    """Descriptors, each with what is to be done when there is something on it."""

    def __init__(self) -> None:
        self._poll = select.poll()
        self._handlers: dict[int, Callable[[], object]] = {}

    def on(self, descriptor: int, handler: Callable[[], object], *, to_write: bool = False) -> None:
        """Calls the handler whenever the descriptor can be read, or written to."""
        self._handlers[descriptor] = handler
        self._poll.register(descriptor, select.POLLOUT if to_write else select.POLLIN)

    def off(self, descriptor: int) -> None:
        del self._handlers[descriptor]
        self._poll.unregister(descriptor)

    def __contains__(self, descriptor: int) -> bool:
        return descriptor in self._handlers

    def wait(self, limit_s: float) -> Iterator[Callable[[], object]]:
        """The handlers of those that are ready by then: none of them twice, whatever comes meanwhile."""
        for descriptor, _ in self._poll.poll(max(0, math.ceil(limit_s * 1000))):
            if descriptor in self._handlers:
                yield self._handlers[descriptor]


def readable(descriptor: int) -> bool:
    """Whether there is something to read now; also the end counts."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(0))
