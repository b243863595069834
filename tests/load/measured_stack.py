"""The readable stack of the load: what it keeps reaches its bounds within the first minutes.

Jobs expire after a minute instead of days, and a function has at most as many environments as two processors keep busy:
a pool that may grow further does so at each stall of a busy machine, for as long as the load lasts.
"""

import sys
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from interlock_dev.lambda_.environments import Launch
from interlock_dev.stack import stack
from tests.load import readable_stack

RETENTION = timedelta(minutes=1)
ENVIRONMENTS = 4

_launch = stack.launch  # type: ignore[attr-defined]


def launch(function: Any, runtime: Any, key: Any, overrides: Mapping[str, str]) -> Launch:
    """Describe how the function's processes are started, with the retention of the load."""
    days = str(RETENTION / timedelta(days=1))
    found: Launch = _launch(function, runtime, key, {**overrides, "INTERLOCK_RETENTION_DAYS": days})
    return found


def main() -> int:
    """Run `interlock` with the arguments of the command line."""
    stack.launch = launch  # type: ignore[attr-defined]
    stack.ENVIRONMENTS_PER_FUNCTION = ENVIRONMENTS  # type: ignore[attr-defined]
    return readable_stack.main()


if __name__ == "__main__":
    sys.exit(main())
