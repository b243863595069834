"""The transition table of jobs, pair by pair."""

import itertools

import pytest

from interlock.domain.job_status import (
    CLAIMED,
    FINAL,
    STATUS_ALIASES,
    TRANSITIONS,
    IllegalTransition,
    JobStatus,
    advance,
)

# A second copy of the contract's table, so that an accidental change of the first fails the test.
ALLOWED = {
    ("pending", "running"),
    ("pending", "cancelled"),
    ("pending", "failed"),
    ("pending", "timed_out"),
    ("running", "succeeded"),
    ("running", "failed"),
    ("running", "timed_out"),
    ("running", "cancelling"),
    ("cancelling", "cancelled"),
    ("cancelling", "succeeded"),
    ("cancelling", "failed"),
    ("cancelling", "timed_out"),
}


@pytest.mark.parametrize(("current", "to"), list(itertools.product(JobStatus, JobStatus)))
def test_transitions_of_every_pair_of_statuses_match_the_contract(current: JobStatus, to: JobStatus) -> None:
    if (current.value, to.value) in ALLOWED:
        assert advance(current, to) is to
    else:
        with pytest.raises(IllegalTransition, match=f"^{current} -> {to}$"):
            advance(current, to)


def test_final_statuses_have_no_transitions() -> None:
    assert {"succeeded", "failed", "timed_out", "cancelled"} == FINAL
    assert all(not TRANSITIONS[status] for status in FINAL)


def test_claimed_statuses_are_running_and_cancelling() -> None:
    assert {"running", "cancelling"} == CLAIMED


def test_transition_table_is_immutable() -> None:
    with pytest.raises(TypeError):
        TRANSITIONS[JobStatus.SUCCEEDED] = frozenset({JobStatus.RUNNING})  # type: ignore[index]


def test_status_aliases_match_the_contract() -> None:
    assert STATUS_ALIASES == {"queued": "pending", "done": "succeeded", "success": "succeeded", "error": "failed"}
