"""Results in responses: inline, or a URL if too large."""

import json
from typing import Any

import pytest

from interlock.domain.job import Job
from interlock.domain.job_status import JobStatus
from interlock.http.presenters import result_document
from interlock.http.responses import json_response
from interlock.http.results import MAX_INLINE_BYTES, presented
from interlock.jobs.documents import Documents
from tests.fakes.jobs import a_job
from tests.fakes.outside import MemoryObjects

LAMBDA_BYTES = 6 * 1024 * 1024
"""Maximum size of a function's response: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""


def stored(value: Any) -> tuple[Job, Documents]:
    documents, job = Documents(MemoryObjects()), a_job(JobStatus.SUCCEEDED)
    return a_job(JobStatus.SUCCEEDED, job_id=job.job_id, result=documents.write(job, "result-1", value)), documents


def of_size(size: int, letter: str = "x") -> list[str]:
    """Return a value whose JSON text has this many bytes."""
    unit = len(json.dumps(letter)) - 2
    text = letter * ((size - 4) // unit)
    return [text + "x" * (size - 4 - len(text) * unit)]


def is_url(value: Any) -> bool:
    return isinstance(value, dict) and set(value) == {"download_url", "size", "expires_at"}


@pytest.mark.parametrize("in_memory", [True, False], ids=["in memory", "read"])
@pytest.mark.parametrize(
    ("value", "inline"),
    [
        (of_size(MAX_INLINE_BYTES - 1), True),
        (of_size(MAX_INLINE_BYTES), True),
        (of_size(MAX_INLINE_BYTES + 1), False),
        # 4.9 MB of JSON text; as a string in Lambda's response it exceeds 6 MiB.
        (of_size(4_900_000, '"'), False),
        ([[""]] * 900_000, False),
        (of_size(4_900_000, "ü"), True),
        (of_size(4_200_000, '"'), False),
        (of_size(3_000_000, '"'), True),
        (of_size(20_000, "\\"), True),
    ],
)
def test_result_is_inline_if_the_response_fits(value: Any, inline: bool, in_memory: bool) -> None:
    job, documents = stored(value)
    assert job.result is not None
    shown = presented(job, documents, value if in_memory else None)
    assert is_url(shown) is not inline
    if inline:
        assert shown == value
    else:
        assert shown["size"] == job.result.size_bytes
    assert job.result.key is not None
    # In both forms the response is within Lambda's limit.
    answer = json_response(200, result_document(job, shown))
    payload: dict[str, Any] = {
        "statusCode": 200,
        "body": answer.body,
        "isBase64Encoded": False,
        "multiValueHeaders": {},
    }
    assert len(json.dumps(payload)) <= LAMBDA_BYTES


def test_inline_limit_is_five_million_bytes() -> None:
    assert MAX_INLINE_BYTES == 5_000_000


def test_job_without_a_result_has_none() -> None:
    assert presented(a_job(JobStatus.FAILED), Documents(MemoryObjects())) is None
