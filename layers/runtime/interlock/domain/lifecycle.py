"""The lifecycle of a plugin: five states and no others. Job statuses are another enum (`interlock.domain.job`)."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple

from interlock.domain.errors import ErrorCode, ErrorInfo
from interlock.domain.fork_safety import ForkFinding


class LifecycleState(StrEnum):
    """The state of a plugin.

    LOADED: not run yet. INITIALIZED: the last run succeeded. RUNNING: a run is in progress. FAILED: the last run failed
    through the plugin's fault. UNAVAILABLE: the plugin cannot be loaded, or could not be loaded for the last run.
    """

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
        # A caller's invalid input or a cancel restores the state before the run.
        LifecycleState.RUNNING: _REST | {LifecycleState.UNAVAILABLE},
        LifecycleState.FAILED: frozenset({LifecycleState.RUNNING, LifecycleState.UNAVAILABLE}),
        # A plugin that failed to load for one run (a missing model) is loaded again for the next.
        LifecycleState.UNAVAILABLE: frozenset({LifecycleState.LOADED, LifecycleState.RUNNING}),
    }
)

AVAILABLE = frozenset({LifecycleState.LOADED, LifecycleState.INITIALIZED, LifecycleState.RUNNING})
"""States that the plugin list counts as available."""


class IllegalLifecycleTransition(ValueError):
    """The transition table does not allow this transition."""


def advance(current: LifecycleState, to: LifecycleState) -> LifecycleState:
    """Return `to`. Raise `IllegalLifecycleTransition` if the table does not allow it from `current`."""
    if to not in TRANSITIONS[current]:
        raise IllegalLifecycleTransition(f"{current} -> {to}")
    return to


def verdict(error: ErrorInfo | None) -> LifecycleState | None:
    """Return the state after a finished run with this error, None if it does not change.

    INITIALIZED on success, FAILED if the plugin was at fault, UNAVAILABLE if it could not be loaded.
    """
    if error is None:
        return LifecycleState.INITIALIZED
    if error.code is ErrorCode.PLUGIN_UNAVAILABLE:
        return LifecycleState.UNAVAILABLE
    return LifecycleState.FAILED if error.plugin_fault else None


class RunState(NamedTuple):
    """Whether a plugin or tool has a run in progress, the latest verdict on it, and the latest finding that no process
    can be forked from it, with their times."""

    running: bool = False
    lifecycle: LifecycleState | None = None
    lifecycle_at: datetime | None = None
    reason: str | None = None
    fork_finding: ForkFinding | None = None
    fork_finding_at: datetime | None = None

    @property
    def state(self) -> LifecycleState:
        """The lifecycle state of a plugin that can be loaded."""
        return LifecycleState.RUNNING if self.running else self.lifecycle or LifecycleState.LOADED


NOT_RUN = RunState()
"""The state of a plugin that had no jobs."""


def combined(tools: Iterable[RunState]) -> RunState:
    """Return the state of a plugin from those of its tools: the latest verdict and the latest finding count. If two
    have the same time, that of the later tool counts."""
    running, latest, found = False, NOT_RUN, NOT_RUN
    for tool in tools:
        running = running or tool.running
        if tool.lifecycle_at and (latest.lifecycle_at is None or tool.lifecycle_at >= latest.lifecycle_at):
            latest = tool
        if tool.fork_finding_at and (found.fork_finding_at is None or tool.fork_finding_at >= found.fork_finding_at):
            found = tool
    return latest._replace(running=running, fork_finding=found.fork_finding, fork_finding_at=found.fork_finding_at)
