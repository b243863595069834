"""Assertions on the error envelope."""

import re
from typing import Any

from tests.fakes.world import Answer

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
ENVELOPE = {"type", "code", "message", "details", "plugin", "tool", "job_id", "retryable", "timestamp"}


def refused(answer: Answer, status: int, code: str, error_type: str) -> dict[str, Any]:
    """Assert that a response is an error envelope with this status and code; return its inner object."""
    assert answer.status == status, answer.body
    assert set(answer.body) == {"error"}
    error = answer.error
    assert set(error) == ENVELOPE
    assert (error["code"], error["type"]) == (code, error_type)
    assert TIME.fullmatch(error["timestamp"])
    assert isinstance(error["message"], str)
    assert error["message"]
    assert isinstance(error["details"], dict)
    return error
