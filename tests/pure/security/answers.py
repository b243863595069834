"""Checks that every response must pass, for any request."""

import json
import re

from interlock.domain.errors import ERROR_TYPES, ErrorCode
from tests.fakes.world import Answer

ENVELOPE = {"type", "code", "message", "details", "plugin", "tool", "job_id", "retryable", "timestamp"}
OUR_INSIDE = re.compile(
    r"Traceback|File \"|\.py\b|site-packages|/opt/|/var/task|object at 0x|AKIA|pydantic|interlock\."
)
MAX_REFUSAL_BYTES = 8192
"""A refusal quotes what it refuses, and not all of it."""


def check(answer: Answer) -> Answer:
    """A status of the contract, never a 5xx; a refusal is an envelope that shows nothing of our inside."""
    assert answer.status in {200, 202, 400, 401, 403, 404, 405, 409, 413, 422, 429}, answer
    if answer.status < 400:
        return answer
    assert set(answer.body) == {"error"}
    assert set(answer.error) == ENVELOPE
    assert answer.error["type"] == ERROR_TYPES[ErrorCode(answer.error["code"])]
    text = json.dumps(answer.body)
    assert len(text) < MAX_REFUSAL_BYTES
    return answer


def check_hidden(answer: Answer) -> Answer:
    """The same, for requests that hold nothing that looks like our inside themselves."""
    found = OUR_INSIDE.search(json.dumps(check(answer).body)) if answer.status >= 400 else None
    assert found is None, answer
    return answer
