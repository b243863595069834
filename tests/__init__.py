"""Tests, in folders by cost: see docs/testing.md."""

from hypothesis import HealthCheck, settings

from tests.volume import volume

# No deadline: the duration of an example depends on the machine. Set here, since mutation testing runs without the
# conftest.
settings.register_profile(
    "patient", deadline=None, max_examples=volume(sample=25, full=300), suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("patient")
