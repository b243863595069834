"""The number and deadline of generated examples, for tests with Hypothesis.

The conftests import this module, and `tests/__init__.py` does not: every process that a test starts imports `tests`,
but few need Hypothesis.
"""

from hypothesis import HealthCheck, settings

from tests.volume import volume

# No deadline: the duration of an example depends on the machine.
settings.register_profile(
    "patient", deadline=None, max_examples=volume(sample=25, full=300), suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("patient")
