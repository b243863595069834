"""Times: aware UTC datetimes in the code, RFC 3339 with milliseconds outside."""

from datetime import UTC, datetime
from functools import lru_cache


def utc_now() -> datetime:
    """Return the current time, truncated to milliseconds as in the contract and the table."""
    return to_millisecond(datetime.now(UTC))


def to_millisecond(moment: datetime) -> datetime:
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


@lru_cache(maxsize=32)
def rfc3339(moment: datetime) -> str:
    """Format a time (RFC 3339, section 5.6) in UTC with milliseconds: `2026-11-22T10:11:12.345Z`.

    The same few times occur in a job's fields, events and response, so the latest texts are cached.
    """
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def from_rfc3339(text: str) -> datetime:
    return datetime.fromisoformat(text)
