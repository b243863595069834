"""The five states of a plugin."""

import itertools

import pytest

from interlock.domain.errors import ErrorCode
from interlock.domain.lifecycle import (
    AVAILABLE,
    TRANSITIONS,
    IllegalLifecycleTransition,
    LifecycleState,
    advance,
    verdict,
)

REFUSED = {
    # A plugin that runs cannot start once more.
    ("RUNNING", "RUNNING"),
    # To be INITIALIZED or FAILED it must have run.
    ("LOADED", "INITIALIZED"),
    ("LOADED", "FAILED"),
    ("LOADED", "LOADED"),
    ("INITIALIZED", "LOADED"),
    ("INITIALIZED", "INITIALIZED"),
    ("INITIALIZED", "FAILED"),
    ("FAILED", "LOADED"),
    ("FAILED", "INITIALIZED"),
    ("FAILED", "FAILED"),
    # A load that succeeds brings it back.
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


def test_there_are_five_states_and_no_others() -> None:
    assert [state.value for state in LifecycleState] == ["LOADED", "INITIALIZED", "RUNNING", "FAILED", "UNAVAILABLE"]
    assert set(TRANSITIONS) == set(LifecycleState)


@pytest.mark.parametrize(("current", "to"), list(itertools.product(LifecycleState, LifecycleState)))
def test_every_pair_of_states_is_allowed_or_refused(current: LifecycleState, to: LifecycleState) -> None:
    if (current.value, to.value) in REFUSED:
        with pytest.raises(IllegalLifecycleTransition, match=f"^{current} -> {to}$"):
            advance(current, to)
    else:
        assert advance(current, to) is to


def test_available_are_the_first_three() -> None:
    assert {"LOADED", "INITIALIZED", "RUNNING"} == AVAILABLE


def test_a_success_initializes() -> None:
    assert verdict(None) is LifecycleState.INITIALIZED


@pytest.mark.parametrize("code", list(ErrorCode))
def test_only_the_plugins_own_faults_fail_it(code: ErrorCode) -> None:
    unloaded = LifecycleState.UNAVAILABLE if code is ErrorCode.PLUGIN_UNAVAILABLE else None
    assert verdict(code) is (LifecycleState.FAILED if code in OWN_FAULTS else unloaded)
