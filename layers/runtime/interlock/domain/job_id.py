"""Job ids: ULIDs, of 10 characters of time and 16 characters of random bits.

The random part alone identifies a job of a tenant. With an idempotency key, it is derived from the key, so that all
requests with one key are about one item of the table. For an item of a batch, it is derived from the batch and the
item's index, so that repeated attempts to create the jobs of a batch create the same jobs. Their ids are in the order
of the items.
"""

import base64
import hashlib
import math
from datetime import datetime

_RANDOM_CHARACTERS = 16
_RANDOM_BYTES = 10
_INDEX_CHARACTERS = 4
_DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_CROCKFORD = bytes.maketrans(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", _DIGITS.encode())
"""From the alphabet of RFC 4648, section 6, to that of ULIDs."""


def random_part(job_id: str) -> str:
    """Return the last 16 characters of a job id, its 80 random bits."""
    return job_id[-_RANDOM_CHARACTERS:]


def first_id(moment: datetime) -> str:
    """Return the lowest id of the jobs that are created at this time or later, to the millisecond."""
    milliseconds = max(0, math.ceil(moment.timestamp() * 1000))
    time = "".join(_DIGITS[milliseconds >> shift & 31] for shift in range(45, -1, -5))
    return time + "0" * _RANDOM_CHARACTERS


def random_part_of_key(key_hash: str) -> str:
    """Return the random part of the ids of all jobs with this idempotency key: the first 80 bits of its hash."""
    return base64.b32encode(bytes.fromhex(key_hash)[:_RANDOM_BYTES]).translate(_CROCKFORD).decode()


def job_id_of_item(batch_id: str, index: int) -> str:
    """Return the id of the job of an item: the batch's time, 60 bits of the hash of the batch's id, and the index."""
    return items_prefix(batch_id) + "".join(_DIGITS[index >> shift & 31] for shift in range(15, -1, -5))


def items_prefix(batch_id: str) -> str:
    """Return the prefix that the ids of all jobs of a batch have, and no other ids."""
    characters = random_part_of_key(hashlib.sha256(f"batch#{batch_id}".encode()).hexdigest())
    return batch_id[:-_RANDOM_CHARACTERS] + characters[:-_INDEX_CHARACTERS]


def above_items(batch_id: str) -> str:
    """Return a text that sorts after the ids of all jobs of a batch, and before later ids."""
    return items_prefix(batch_id) + _DIGITS[-1] * (_INDEX_CHARACTERS - 1) + chr(ord(_DIGITS[-1]) + 1)


def with_key(job_id: str, key_hash: str) -> str:
    """Return the id of a job that was created at the same time with this idempotency key."""
    return job_id[:-_RANDOM_CHARACTERS] + random_part_of_key(key_hash)
