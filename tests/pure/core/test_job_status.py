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

# The contract's table, written out once more: a change of either needs the other.
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
def test_every_pair_of_statuses_is_allowed_or_refused_as_the_contract_says(current: JobStatus, to: JobStatus) -> None:
    if (current.value, to.value) in ALLOWED:
        assert advance(current, to) is to
    else:
        with pytest.raises(IllegalTransition, match=f"^{current} -> {to}$"):
            advance(current, to)


def test_final_are_exactly_the_four_that_lead_nowhere() -> None:
    assert {"succeeded", "failed", "timed_out", "cancelled"} == FINAL
    assert all(not TRANSITIONS[status] for status in FINAL)


def test_a_lease_holds_running_and_cancelling_jobs_alone() -> None:
    assert {"running", "cancelling"} == CLAIMED


def test_the_table_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        TRANSITIONS[JobStatus.SUCCEEDED] = frozenset({JobStatus.RUNNING})  # type: ignore[index]


def test_aliases_are_those_of_the_contract() -> None:
    assert STATUS_ALIASES == {"queued": "pending", "done": "succeeded", "success": "succeeded", "error": "failed"}
