"""Wait for several file descriptors at once."""

import math
import select
from collections.abc import Callable, Iterator


class Poller:
    """File descriptors, each with a handler that is called when it is ready."""

    def __init__(self) -> None:
        self._poll = select.poll()
        self._handlers: dict[int, Callable[[], object]] = {}

    def register(self, descriptor: int, handler: Callable[[], object], *, to_write: bool = False) -> None:
        """Call the handler whenever the descriptor can be read, or written to."""
        self._handlers[descriptor] = handler
        self._poll.register(descriptor, select.POLLOUT if to_write else select.POLLIN)

    def unregister(self, descriptor: int) -> None:
        del self._handlers[descriptor]
        self._poll.unregister(descriptor)

    def __contains__(self, descriptor: int) -> bool:
        return descriptor in self._handlers

    def wait(self, limit_s: float) -> Iterator[Callable[[], object]]:
        """Yield the handlers of the descriptors that become ready in time, each at most once."""
        for descriptor, _ in self._poll.poll(max(0, math.ceil(limit_s * 1000))):
            if descriptor in self._handlers:
                yield self._handlers[descriptor]


def is_readable(descriptor: int) -> bool:
    """Return whether the descriptor can be read now. The end of a stream counts as well."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(0))
