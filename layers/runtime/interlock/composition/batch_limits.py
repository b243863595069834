"""The limits of batches, as the template passes them to the functions that need them."""

import os

from interlock.domain.batch import BatchLimits

VARIABLES = {
    "items": "INTERLOCK_BATCH_ITEMS",
    "concurrency": "INTERLOCK_BATCH_CONCURRENCY",
    "default_concurrency": "INTERLOCK_BATCH_DEFAULT_CONCURRENCY",
}


def batch_limits() -> BatchLimits:
    """Read the limits of the stack. Those of the contract apply where there is no variable."""
    return BatchLimits(**{field: int(os.environ[name]) for field, name in VARIABLES.items() if name in os.environ})
