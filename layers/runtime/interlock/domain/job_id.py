"""Job ids: ULIDs, of 10 characters of time and 16 characters of random bits.

The random part alone identifies a job of a tenant. With an idempotency key it follows from the key, so that all
requests with one key are about one item of the table.
"""

import base64
import math
from datetime import datetime

_RANDOM_CHARACTERS = 16
_RANDOM_BYTES = 10
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


def with_key(job_id: str, key_hash: str) -> str:
    """Return the id of a job that was created at the same time with this idempotency key."""
    return job_id[:-_RANDOM_CHARACTERS] + random_part_of_key(key_hash)
