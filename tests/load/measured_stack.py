"""The readable stack under load: its jobs and environments reach their bounds within the first minutes.

Jobs expire after a minute instead of days, and a function has at most as many environments as two processors keep busy:
a pool that may grow further does so at each stall of a busy machine, for as long as the load lasts.
"""

import sys
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from unittest.mock import patch

from interlock_dev.lambda_.environments import Launch
from interlock_dev.lambda_.function_environment import launch as launch_as_deployed
from interlock_dev.stack import stack
from tests.load import readable_stack

RETENTION = timedelta(minutes=1)
ENVIRONMENTS = 4


def launch(function: Any, runtime: Any, key: Any, overrides: Mapping[str, str]) -> Launch:
    """Describe how the function's processes are started, with the retention of the load."""
    days = str(RETENTION / timedelta(days=1))
    return launch_as_deployed(function, runtime, key, {**overrides, "INTERLOCK_RETENTION_DAYS": days})


def main() -> int:
    """Run `interlock` with the arguments of the command line."""
    with patch.object(stack, "launch", launch), patch.object(stack, "ENVIRONMENTS_PER_FUNCTION", ENVIRONMENTS):
        return readable_stack.main()


if __name__ == "__main__":
    sys.exit(main())
