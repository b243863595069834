"""Everything that the rules know about this repository: file names, packages and class names.

Paths are glob patterns that match the end of a file's path; `*` crosses folders. Edit them here when code moves.
"""

from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

ROOTS = ("functions", "layers", "devkit")  # scanned by default: all deployed code, and the local stack
RUNTIME = "layers/runtime/interlock"

# Running plugins
RUNNER_FILE = "tool_runner.py"  # the one file that may run a plugin, wherever it is
RUNNER_CLASS = "ToolRunner"
METRICS = "update_execution_metrics"
PLUGIN_API = (f"{RUNTIME}/plugin.py",)
PLUGIN_PACKAGE = "interlock_plugins"
PLUGIN_ENTRY_POINTS = "interlock.plugins"
PLUGIN_CODE = ("layers/plugins/*", "interlock_plugins/*")
PLUGIN_LOADERS = tuple(
    f"{RUNTIME}/{file}.py" for file in ("tools/worker_plugin", "plugins/loading", "plugins/describing")
)  # they run in a worker process or start one, and may import plugins there

# Talking to AWS
AWS_PACKAGES = frozenset({"boto3", "botocore", "aioboto3", "aiobotocore", "s3transfer"})
AWS_FILES = (f"{RUNTIME}/adapters/*", f"{RUNTIME}/composition/*", "interlock_dev/*", "devkit/*")
ADAPTERS = (f"{RUNTIME}/adapters/*",)
TABLE_FILES = (f"{RUNTIME}/adapters/dynamo/*",)  # they may call DynamoDB's write operations
ITEM_MAPPING = (f"{RUNTIME}/adapters/dynamo/values.py",)  # between jobs and items: pure, and may name every status

# Reporting failures: types, functions and document keys that carry a failure to the caller
OUTCOMES = ("Outcome", "Answer", "ErrorInfo", "error_response", "Finding", "Invocation")
OUTCOME_KEYS = ("error", "outcome")

# States
LIFECYCLE_STATES = ("LOADED", "INITIALIZED", "RUNNING", "FAILED", "UNAVAILABLE")
JOB_ENUM = "JobStatus"
JOB_STATUSES = ("pending", "running", "cancelling", "succeeded", "failed", "timed_out", "cancelled")
FINAL_STATUSES = frozenset({"succeeded", "failed", "timed_out", "cancelled"})
ENDING_STEPS = ("ended", "lost", "cancel_requested")  # functions of the domain that may return a finished job


def matches(path: PurePosixPath, patterns: Iterable[str]) -> bool:
    """Return whether the end of a path matches one of these patterns."""
    return any(fnmatchcase(f"/{path}", f"*/{pattern}") for pattern in patterns)
