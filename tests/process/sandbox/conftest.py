"""Sandboxes for the tests."""

from collections.abc import Iterator

import pytest

from tests.process.sandbox.harness import Harness


@pytest.fixture(scope="module")
def shared() -> Iterator[Harness]:
    """A sandbox that all tests of a module share, so it must withstand each of them."""
    harness = Harness.new()
    yield harness
    harness.sandbox.close()


@pytest.fixture
def harness(shared: Harness) -> Iterator[Harness]:
    """The module's sandbox. It must be usable after each test."""
    yield shared
    shared.assert_usable()


@pytest.fixture
def emptied(shared: Harness) -> Harness:
    """The module's sandbox without worker processes and templates. A new sandbox would start a zygote for each test."""
    pool = shared.sandbox._pool
    for kept in (pool.warm, pool.templates):
        for worker in list(kept):
            pool.discard(worker)
        kept.clear()
    shared.loaded.clear()
    return shared


@pytest.fixture
def fresh() -> Iterator[Harness]:
    """A sandbox for one test."""
    harness = Harness.new()
    yield harness
    harness.sandbox.close()
