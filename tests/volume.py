"""The volume of repetitive tests: a sample, or everything with `INTERLOCK_TEST_VOLUME=full`."""

import os

FULL = os.environ.get("INTERLOCK_TEST_VOLUME") == "full"


def volume[T](*, sample: T, full: T) -> T:
    """Return the value that applies to this test run."""
    return full if FULL else sample
