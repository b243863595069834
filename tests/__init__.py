"""Tests, in folders by cost: see docs/testing.md."""
