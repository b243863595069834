"""The tests of the core: pure, so without a network."""

from tests.fakes.fixtures import no_network, world, world_of

__all__ = ["no_network", "world", "world_of"]
