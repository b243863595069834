"""The categories of execution tests, by file. Each is a pytest mark, and the mark `execution` selects all of them."""

from fnmatch import fnmatch
from pathlib import Path
from typing import NamedTuple

TESTS = Path(__file__).parent


class Category(NamedTuple):
    least: int
    """Minimum number of test functions; the cases of a parametrized one are not counted."""

    patterns: tuple[str, ...]
    """Files below `tests`."""


CATEGORIES = {
    "endpoint": Category(22, ("pure/core/test_endpoint_*.py",)),
    "job_service": Category(20, ("pure/core/test_job_service_*.py",)),
    "tool_runner": Category(13, ("pure/core/test_tool_runner_*.py",)),
    "plugin_execution": Category(
        11, ("pure/core/test_plugin_execution_*.py", "stack/test_plugin_execution*.py", "stack/test_hostile_*.py")
    ),
    "registry": Category(8, ("pure/core/test_registry.py", "process/core/test_registry_audit.py")),
    "integration": Category(
        10,
        (
            "stack/test_cancel*.py",
            "stack/test_files.py",
            "stack/test_integration_*.py",
            "stack/test_job_events.py",
            "stack/access/test_*.py",
            "exhaustive/test_soak.py",
            "stack/test_heartbeat.py",
        ),
    ),
}
"""A file belongs to the first category with a matching pattern."""


def category_of(file: Path) -> str | None:
    """Return the category of a test file, or None outside the categories."""
    name = file.relative_to(TESTS).as_posix()
    fitting = (
        category
        for category, (_, patterns) in CATEGORIES.items()
        if any(fnmatch(name, pattern) for pattern in patterns)
    )
    return next(fitting, None)
