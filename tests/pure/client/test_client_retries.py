"""The client sends requests again after failures that pass, with the same idempotency key."""

import pytest

from interlock_client import ConnectionFailed, InterlockError, ServiceError, ThrottlingError
from interlock_client.options import RunOptions
from interlock_client.steps import Response
from tests.pure.client.script import OPERATIONS, answer, play, refusal

ACCEPTED = answer(202, {"job_id": "01J", "status": "pending"})
BUSY = refusal(503, "ServiceError", "unavailable", retry_after="2")
FAST = refusal(429, "ThrottlingError", "rate_limited", retry_after="7")
LOST = ConnectionFailed("gone")


@pytest.mark.parametrize("passing", [BUSY, FAST, LOST, Response(502, {}, b""), Response(504, {}, b"<html>")], ids=repr)
def test_execution_is_sent_again_with_the_same_idempotency_key(passing: Response | ConnectionFailed) -> None:
    played = play(OPERATIONS.submit("ocr.analyze", {}, RunOptions()), passing, ACCEPTED)
    first, second = played.requests
    assert first == second
    assert len(first.headers["Idempotency-Key"]) == 36
    assert played.result["job_id"] == "01J"


def test_two_executions_have_different_idempotency_keys() -> None:
    keys = [
        play(OPERATIONS.submit("ocr", {}, RunOptions()), ACCEPTED).requests[0].headers["Idempotency-Key"]
        for _ in range(2)
    ]
    assert keys[0] != keys[1]


def test_given_idempotency_key_is_sent_by_execution_and_rerun() -> None:
    options = RunOptions(idempotency_key="mine")
    for steps in (OPERATIONS.run("ocr", {}, options), OPERATIONS.rerun("01J", {}, options)):
        assert play(steps, answer(200, {"result": None})).requests[0].headers["Idempotency-Key"] == "mine"


def test_retry_after_is_honored() -> None:
    assert play(OPERATIONS.job("01J"), FAST, BUSY, ACCEPTED).sleeps == [7, 2]


def test_backoff_grows_with_jitter() -> None:
    first, second = play(OPERATIONS.job("01J"), LOST, LOST, ACCEPTED).sleeps
    assert 0.5 <= first <= 1 <= second <= 2


@pytest.mark.parametrize(
    ("failure", "error"), [(BUSY, ServiceError), (FAST, ThrottlingError), (LOST, ConnectionFailed)], ids=repr
)
def test_last_failure_is_raised(failure: Response | ConnectionFailed, error: type[InterlockError]) -> None:
    with pytest.raises(error) as raised:
        play(OPERATIONS.job("01J"), failure, failure, failure)
    assert raised.value.retryable


def test_long_retry_after_is_raised_instead_of_waited_for() -> None:
    with pytest.raises(ThrottlingError):
        play(OPERATIONS.job("01J"), refusal(429, "ThrottlingError", "rate_limited", retry_after="3600"))


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 413, 422, 500])
def test_other_failures_are_not_sent_again(status: int) -> None:
    with pytest.raises(InterlockError) as raised:
        play(OPERATIONS.job("01J"), refusal(status, "NotFoundError", "not_found"))
    assert raised.value.status == status
