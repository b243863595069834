"""The limits of one run, from the tool's declaration, the deadline and the function's memory."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from interlock import sandbox

if TYPE_CHECKING:
    from interlock.domain.deadline import Deadline
    from interlock.plugins.registry import ToolCall
    from interlock.sandbox import Limits

LOAD_LIMIT_S = 20.0
MAX_RESULT_BYTES = 64 * 1024 * 1024
RESULT_SHARE = 100
"""A result may have one hundredth of the function's memory. Parsed, it takes up to 48 times its size (measured with
lists nested 100 deep; `[[],[],...]` takes 22 times), and the tool's own process needs the rest."""


def limits_of(call: ToolCall, deadline: Deadline) -> Limits:
    return sandbox.Limits(
        wall_s=deadline.limit_s,
        load_s=LOAD_LIMIT_S,
        deadline=deadline,
        memory_mb=call.tool.memory_mb,
        result_bytes=result_limit(),
    )


def result_limit() -> int:
    """Return the maximum size of a result in bytes, by the memory of the Lambda function."""
    memory_mb = os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
    return min(MAX_RESULT_BYTES, int(memory_mb) * 1024 * 1024 // RESULT_SHARE) if memory_mb else MAX_RESULT_BYTES
