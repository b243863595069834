"""A bounded part of a JSON value, for errors whose number and size grow with what is looked at."""

from collections import deque
from itertools import islice
from typing import Any

from interlock.domain.file_references import Location

MAX_NODES = 1000
MAX_WIDTH = 30
"""Items of a container of a value that has more nodes: so its containers' first items are seen, too."""

MAX_TEXT = 100_000
"""Characters of all strings and field names together."""


class Sample:
    """The first nodes of a value, level by level, so that a container's own fields come before what is in them.

    A value that is small enough is whole. Otherwise lists and objects lack their last items, long texts
    are empty, and `cut` has the locations where that is so, with all that they are in.
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
        """An empty container to be filled, or the value itself."""
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
