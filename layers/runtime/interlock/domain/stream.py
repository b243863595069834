"""Changes of items as the table's stream reports them."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Change[T]:
    """A change of an item, from `old` (None: it is new) to `new`. Sequence numbers increase within a shard."""

    sequence_number: int
    old: T | None
    new: T


@dataclass(frozen=True, slots=True)
class Batch[T]:
    """Changes from one shard of the stream, in order. A batch may be delivered more than once, whole or in parts.

    Events name their shard only if the event source mapping has a tumbling window.
    """

    shard: str | None
    changes: Sequence[Change[T]]
