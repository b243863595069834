"""Words for shell completion, asked from the service. Without a service there are none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from interlock_client import Retries
from interlock_dev.commands.options import Target
from interlock_dev.commands.remote.target import connect
from interlock_dev.project.errors import UsageError

_JOBS = 20
_ONCE = Retries(attempts=1)
"""Completion at a key press does not wait for retries."""


def tools(options: Mapping[str, Any]) -> list[str]:
    """Return the names of all tools."""
    try:
        with connect(_target(options), _ONCE) as (interlock, _):
            return [f"{plugin['name']}.{tool}" for plugin in interlock.plugins() for tool in plugin["tools"]]
    except UsageError:
        return []


def jobs(options: Mapping[str, Any]) -> list[str]:
    """Return the ids of the latest jobs."""
    try:
        with connect(_target(options), _ONCE) as (interlock, _):
            return [job.id for job in interlock.jobs(limit=_JOBS)]
    except UsageError:
        return []


def batches(options: Mapping[str, Any]) -> list[str]:
    """Return the ids of the latest batches."""
    try:
        with connect(_target(options), _ONCE) as (interlock, _):
            return [batch.id for batch in interlock.batches(limit=_JOBS)]
    except UsageError:
        return []


def _target(options: Mapping[str, Any]) -> Target:
    return Target(*(options.get(name) for name in ("url", "key", "stack", "profile")))
