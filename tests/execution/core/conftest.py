"""The execution tests that run in memory: pure, so without a network."""

from tests.fakes.fixtures import no_network, world, world_of

__all__ = ["no_network", "world", "world_of"]
