"""Checks that every response must pass, for any request."""

import json
import re

from interlock.domain.errors import ERROR_TYPES, ErrorCode
from tests.fakes.world import Answer

ENVELOPE = {"type", "code", "message", "details", "plugin", "tool", "job_id", "retryable", "timestamp"}
INTERNALS = re.compile(r"Traceback|File \"|\.py\b|site-packages|/opt/|/var/task|object at 0x|AKIA|pydantic|interlock\.")
MAX_REFUSAL_BYTES = 8192
"""Maximum size of an error envelope, which quotes only a part of the request."""


def check(answer: Answer) -> Answer:
    """Assert a status of the contract other than 5xx, and a small valid envelope for an error; return the response."""
    assert answer.status in {200, 202, 400, 401, 403, 404, 405, 409, 413, 422, 429}, answer
    if answer.status < 400:
        return answer
    assert set(answer.body) == {"error"}
    assert set(answer.error) == ENVELOPE
    assert answer.error["type"] == ERROR_TYPES[ErrorCode(answer.error["code"])]
    text = json.dumps(answer.body)
    assert len(text) < MAX_REFUSAL_BYTES
    return answer


def check_hidden(answer: Answer, sent: object = None) -> Answer:
    """Check a response like `check`. An error may reveal no internals, except in quotes of the request (`sent`)."""
    found = set(INTERNALS.findall(json.dumps(check(answer).body))) if answer.status >= 400 else set()
    assert found <= set(INTERNALS.findall(json.dumps(sent))), answer
    return answer
