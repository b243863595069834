"""A bounded sample of a JSON value, for errors whose number and size grow with the value."""

from collections import deque
from itertools import islice
from typing import Any

from interlock.domain.file_references import Location

MAX_NODES = 1000
MAX_WIDTH = 30
"""Maximum number of items per container in a sample of a larger value, so that the first items of inner containers are
included."""

MAX_TEXT = 100_000
"""Maximum number of characters of all strings and field names together."""


class Sample:
    """The first nodes of a value, level by level, so that the fields of a container precede their content.

    A value that is small enough is included whole. Otherwise lists and objects lack their last items, long texts are
    empty, and `cut` holds the locations of both, with those of all containers around them.
    """

    def __init__(self, value: Any) -> None:
        self.value = self._copied((), value, MAX_NODES)
        if self.cut:
            self.value = self._copied((), value, MAX_WIDTH)

    def _copied(self, at: Location, value: Any, width: int) -> Any:
        self.cut: set[Location] = set()
        self._nodes, self._text = MAX_NODES, MAX_TEXT
        root = self._started(at, value)
        queue = deque([(at, value, root)])
        while queue:
            at, whole, copy = queue.popleft()
            if not isinstance(whole, dict | list):
                continue
            for key, inner in islice(
                whole.items() if isinstance(whole, dict) else enumerate(whole), min(self._nodes, width)
            ):
                self._nodes -= 1
                if isinstance(whole, dict):
                    self._text -= len(key)
                    if self._text < 0:
                        break
                    copy[key] = self._started((*at, key), inner)
                else:
                    copy.append(self._started((*at, key), inner))
                queue.append(((*at, key), inner, copy[key]))
            if len(copy) < len(whole):
                self._cut_at(at)
        return root

    def _started(self, at: Location, value: Any) -> Any:
        """Return an empty container to fill, or the value itself."""
        if isinstance(value, dict | list):
            return type(value)()
        if isinstance(value, str) and value:
            if len(value) > self._text:
                self._cut_at(at)
                return ""
            self._text -= len(value)
        return value

    def _cut_at(self, at: Location) -> None:
        self.cut.update(at[:depth] for depth in range(len(at) + 1))
