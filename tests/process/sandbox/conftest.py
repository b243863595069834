"""Sandboxes for the tests."""

from collections.abc import Iterator

import pytest

from tests.process.sandbox.bench import Bench


@pytest.fixture(scope="module")
def shared() -> Iterator[Bench]:
    """One sandbox for all tests of a module: it has to stand what each of them does to it."""
    bench = Bench.new()
    yield bench
    bench.sandbox.close()


@pytest.fixture
def bench(shared: Bench) -> Iterator[Bench]:
    """The module's sandbox, which has to be in order after each test."""
    yield shared
    shared.assert_usable()


@pytest.fixture
def fresh() -> Iterator[Bench]:
    """A sandbox of the test alone."""
    bench = Bench.new()
    yield bench
    bench.sandbox.close()
