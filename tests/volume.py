"""The volume of repetitive tests: a sample, or everything with `INTERLOCK_TEST_VOLUME=full`."""

import os

import pytest

FULL = os.environ.get("INTERLOCK_TEST_VOLUME") == "full"


def volume[T](*, sample: T, full: T) -> T:
    """Return the value that applies to this test run."""
    return full if FULL else sample


ALONE = volume(sample=(), full=(pytest.mark.xdist_group("load"),))
"""Marks of tests that load the local stack. In full volume they run one after another, to keep their time limits."""
