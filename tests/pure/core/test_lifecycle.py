"""The five lifecycle states of a plugin."""

import itertools
from datetime import timedelta

import pytest

from interlock.domain.errors import ErrorCode, ErrorInfo
from interlock.domain.fork_safety import ForkFinding
from interlock.domain.lifecycle import (
    AVAILABLE,
    NOT_RUN,
    TRANSITIONS,
    IllegalLifecycleTransition,
    LifecycleState,
    RunState,
    advance,
    combined,
    verdict,
)
from tests.fakes.outside import NOON

REFUSED = {
    # A running plugin cannot start another run.
    ("RUNNING", "RUNNING"),
    # INITIALIZED and FAILED are reached only from RUNNING.
    ("LOADED", "INITIALIZED"),
    ("LOADED", "FAILED"),
    ("LOADED", "LOADED"),
    ("INITIALIZED", "LOADED"),
    ("INITIALIZED", "INITIALIZED"),
    ("INITIALIZED", "FAILED"),
    ("FAILED", "LOADED"),
    ("FAILED", "INITIALIZED"),
    ("FAILED", "FAILED"),
    # Only a successful load leads out of UNAVAILABLE.
    ("UNAVAILABLE", "INITIALIZED"),
    ("UNAVAILABLE", "FAILED"),
    ("UNAVAILABLE", "UNAVAILABLE"),
}

OWN_FAULTS = {
    ErrorCode.PLUGIN_EXCEPTION,
    ErrorCode.PLUGIN_CRASHED,
    ErrorCode.INVALID_OUTPUT,
    ErrorCode.OUTPUT_TOO_LARGE,
    ErrorCode.TIMEOUT,
    ErrorCode.MEMORY_EXCEEDED,
}


def test_there_are_exactly_five_states() -> None:
    assert [state.value for state in LifecycleState] == ["LOADED", "INITIALIZED", "RUNNING", "FAILED", "UNAVAILABLE"]
    assert set(TRANSITIONS) == set(LifecycleState)


@pytest.mark.parametrize(("current", "to"), list(itertools.product(LifecycleState, LifecycleState)))
def test_transitions_of_every_pair_of_states_are_allowed_or_refused(
    current: LifecycleState, to: LifecycleState
) -> None:
    if (current.value, to.value) in REFUSED:
        with pytest.raises(IllegalLifecycleTransition, match=f"^{current} -> {to}$"):
            advance(current, to)
    else:
        assert advance(current, to) is to


def test_available_states_are_loaded_initialized_and_running() -> None:
    assert {"LOADED", "INITIALIZED", "RUNNING"} == AVAILABLE


def test_successful_run_leads_to_initialized() -> None:
    assert verdict(None) is LifecycleState.INITIALIZED


@pytest.mark.parametrize("code", list(ErrorCode))
def test_only_errors_of_the_plugin_lead_to_failed(code: ErrorCode) -> None:
    unloaded = LifecycleState.UNAVAILABLE if code is ErrorCode.PLUGIN_UNAVAILABLE else None
    assert verdict(ErrorInfo(code, "")) is (LifecycleState.FAILED if code in OWN_FAULTS else unloaded)


def test_deadline_of_a_job_is_not_the_fault_of_the_plugin() -> None:
    assert verdict(ErrorInfo(ErrorCode.TIMEOUT, "", {"limit": "deadline"})) is None


EARLY, LATE = NOON, NOON + timedelta(seconds=3)
FAILED = RunState(lifecycle=LifecycleState.FAILED, lifecycle_at=EARLY)
UNLOADED = RunState(lifecycle=LifecycleState.UNAVAILABLE, lifecycle_at=LATE, reason="no model")
THREADS, FILES = ForkFinding("1.0.0", "runs threads"), ForkFinding("1.0.0", "holds open files")
OLD_FINDING = RunState(fork_finding=THREADS, fork_finding_at=EARLY)
NEW_FINDING = RunState(fork_finding=FILES, fork_finding_at=LATE)


@pytest.mark.parametrize(
    ("tools", "expected"),
    [
        ([], NOT_RUN),
        ([NOT_RUN, RunState(running=True)], RunState(running=True)),
        ([FAILED, UNLOADED, NOT_RUN], UNLOADED),
        ([UNLOADED, FAILED], UNLOADED),
        ([UNLOADED, FAILED._replace(lifecycle_at=LATE)], FAILED._replace(lifecycle_at=LATE)),
        ([OLD_FINDING, NEW_FINDING, NOT_RUN], NEW_FINDING),
        ([NEW_FINDING, OLD_FINDING], NEW_FINDING),
        ([NEW_FINDING, OLD_FINDING._replace(fork_finding_at=LATE)], OLD_FINDING._replace(fork_finding_at=LATE)),
        (
            [RunState(running=True), OLD_FINDING, UNLOADED],
            UNLOADED._replace(running=True, fork_finding=THREADS, fork_finding_at=EARLY),
        ),
    ],
)
def test_state_of_a_plugin_is_the_latest_verdict_and_finding_of_its_tools(
    tools: list[RunState], expected: RunState
) -> None:
    assert combined(tools) == expected
