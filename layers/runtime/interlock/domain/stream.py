"""Changes of items as the table's stream reports them."""

from collections.abc import Sequence

from msgspec import Struct


class Change[T](Struct, frozen=True):
    """A change of an item, from `old` (None: it is new) to `new`. Sequence numbers increase within a shard."""

    sequence_number: int
    old: T | None
    new: T


class Batch[T](Struct, frozen=True):
    """Changes from one shard of the stream, in order. A batch may be delivered more than once, whole or in parts.

    Events name their shard only if the event source mapping has a tumbling window.
    """

    shard: str | None
    changes: Sequence[Change[T]]
