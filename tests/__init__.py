"""The tests, by what they prove: see docs/testing.md."""

from hypothesis import HealthCheck, settings

# How long an example takes is the machine's affair: it proves nothing. Here, since mutation testing runs without the
# conftest.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")
