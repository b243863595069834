"""The five lifecycle states of a plugin."""

import itertools

import pytest

from interlock.domain.errors import ErrorCode, ErrorInfo
from interlock.domain.lifecycle import (
    AVAILABLE,
    TRANSITIONS,
    IllegalLifecycleTransition,
    LifecycleState,
    advance,
    verdict,
)

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
