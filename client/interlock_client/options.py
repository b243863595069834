"""The options of executions and lists."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from interlock_client.documents import WebhookRequest

type WebhookOption = str | WebhookRequest | None
"""A webhook: its URL, or an object with its URL and the events to report."""


@dataclass(frozen=True, slots=True)
class RunOptions:
    """The options of an execution besides its input."""

    timeout_s: float | None = None
    deadline_s: float | None = None
    idempotency_key: str | None = None
    webhook: WebhookOption = None

    @property
    def fields(self) -> dict[str, Any]:
        """The fields of the request's body."""
        given = {"timeout_s": self.timeout_s, "deadline_s": self.deadline_s, "webhook": _webhook(self.webhook)}
        return {name: value for name, value in given.items() if value is not None}

    @property
    def headers(self) -> dict[str, str]:
        """The `Idempotency-Key` header, which keeps a retried request from creating a second job."""
        return {"Idempotency-Key": self.idempotency_key or str(uuid.uuid4())}


@dataclass(frozen=True, slots=True)
class BatchOptions:
    """The options of a batch besides its items. `keys` are the names of the items."""

    keys: Sequence[str | None] | None = None
    max_concurrency: int | None = None
    tolerated_failures: int | str | None = None
    timeout_s: float | None = None
    deadline_s: float | None = None
    webhook: WebhookOption = None
    idempotency_key: str | None = None

    @property
    def fields(self) -> dict[str, Any]:
        """The fields of the request's body."""
        names = ("max_concurrency", "tolerated_failures", "timeout_s", "deadline_s")
        given = {**{name: getattr(self, name) for name in names}, "webhook": _webhook(self.webhook)}
        return {name: value for name, value in given.items() if value is not None}

    @property
    def headers(self) -> dict[str, str]:
        """The `Idempotency-Key` header, which keeps a retried request from creating a second batch."""
        return {"Idempotency-Key": self.idempotency_key or str(uuid.uuid4())}


@dataclass(frozen=True, slots=True)
class JobFilters:
    """Which jobs to list. Times are timezone-aware."""

    plugin: str | None = None
    tool: str | None = None
    status: str | Sequence[str] | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None
    batch: str | None = None

    def query(self) -> list[tuple[str, str]]:
        """Return the parameters of the query. Raises ValueError for a time without a time zone."""
        statuses = [self.status] if isinstance(self.status, str) else self.status or ()
        times = {"created_after": self.created_after, "created_before": self.created_before}
        names = {"plugin": self.plugin, "tool": self.tool, "batch": self.batch}
        return [
            *((name, value) for name, value in names.items() if value is not None),
            *(("status", status) for status in statuses),
            *((name, _rfc3339(moment)) for name, moment in times.items() if moment is not None),
        ]


def _webhook(given: WebhookOption) -> Any:
    return {"url": given} if isinstance(given, str) else given


def _rfc3339(moment: datetime) -> str:
    if moment.tzinfo is None:
        raise ValueError(f"{moment} has no time zone: use datetime.now(UTC), for example")
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
