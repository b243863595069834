"""The lifecycle of a plugin: five states and no others. Job statuses are another enum (`interlock.domain.job`)."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from interlock.domain.errors import PLUGIN_FAULTS, ErrorCode


class LifecycleState(StrEnum):
    """LOADED: known, not run yet. INITIALIZED: its last run was good. RUNNING: a run is on.
    FAILED: its last run ended by its own fault. UNAVAILABLE: it cannot be loaded, or could not be for its last run."""

    LOADED = "LOADED"
    INITIALIZED = "INITIALIZED"
    RUNNING = "RUNNING"
    FAILED = "FAILED"
    UNAVAILABLE = "UNAVAILABLE"


_REST = frozenset({LifecycleState.LOADED, LifecycleState.INITIALIZED, LifecycleState.FAILED})

TRANSITIONS: Mapping[LifecycleState, frozenset[LifecycleState]] = MappingProxyType(
    {
        LifecycleState.LOADED: frozenset({LifecycleState.RUNNING, LifecycleState.UNAVAILABLE}),
        LifecycleState.INITIALIZED: frozenset({LifecycleState.RUNNING, LifecycleState.UNAVAILABLE}),
        # A caller's bad input or a cancel leaves the state as it was before the run, whichever that was.
        LifecycleState.RUNNING: _REST | {LifecycleState.UNAVAILABLE},
        LifecycleState.FAILED: frozenset({LifecycleState.RUNNING, LifecycleState.UNAVAILABLE}),
        # What failed to load for one run (a model that was not there) is loaded anew for the next.
        LifecycleState.UNAVAILABLE: frozenset({LifecycleState.LOADED, LifecycleState.RUNNING}),
    }
)

AVAILABLE = frozenset({LifecycleState.LOADED, LifecycleState.INITIALIZED, LifecycleState.RUNNING})
"""The states that the plugin list counts as available."""


class IllegalLifecycleTransition(ValueError):
    """The transition table does not allow this step."""


def advance(current: LifecycleState, to: LifecycleState) -> LifecycleState:
    """Returns `to`, or raises `IllegalLifecycleTransition` when the table does not allow it from `current`."""
    if to not in TRANSITIONS[current]:
        raise IllegalLifecycleTransition(f"{current} -> {to}")
    return to


def verdict(error: ErrorCode | None) -> LifecycleState | None:
    """Where a finished run leaves the plugin: INITIALIZED on success, FAILED by its own fault, UNAVAILABLE when it was
    not to be loaded, None: as it was."""
    if error is None:
        return LifecycleState.INITIALIZED
    if error is ErrorCode.PLUGIN_UNAVAILABLE:
        return LifecycleState.UNAVAILABLE
    return LifecycleState.FAILED if error in PLUGIN_FAULTS else None
