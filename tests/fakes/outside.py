"""In-memory fakes of the workflows, object store, clock, rates, deliveries, secrets and metrics sink."""

import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from interlock.domain.errors import NotFound, ServiceUnavailable
from interlock.domain.job import Job
from interlock.domain.job_status import JobStatus
from interlock.domain.rate import Rate
from interlock.domain.webhook import Answer, Delivery, DeliveryState, Step, Subject, WebhookEvent
from interlock.domain.webhook_secret import SigningSecrets
from interlock.ports import PutRequest, StoredObject

NOON = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)


class ManualClock:
    """A clock that moves only when a test advances it."""

    def __init__(self, now: datetime = NOON) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> datetime:
        self.now += timedelta(seconds=seconds)
        return self.now


class MemoryWorkflow:
    """A `Workflow` that only records its executions. `down` makes every call fail."""

    def __init__(self) -> None:
        self.running: dict[str, str] = {}
        self.over: set[str] = set()
        self.stopped: list[str] = []
        self.causes: list[str] = []
        self.down = False
        self._lock = threading.Lock()

    def start(self, job: Job) -> bool:
        with self._lock:
            self._raise_if_down()
            if job.execution in self.over:
                return False
            self.running[job.execution] = job.tenant
            return True

    def stop(self, job: Job, cause: str) -> None:
        with self._lock:
            self._raise_if_down()
            self.stopped.append(job.execution)
            self.causes.append(cause)
            if self.running.pop(job.execution, None) is not None:
                self.over.add(job.execution)

    def finish(self, execution: str) -> None:
        """Complete an execution, without a call of `stop`."""
        with self._lock:
            self.running.pop(execution, None)
            self.over.add(execution)

    def _raise_if_down(self) -> None:
        if self.down:
            raise ServiceUnavailable(service="workflow")


class MemoryDeliveryWorkflow:
    """A `DeliveryWorkflow` that only records its executions. `down` makes every call fail."""

    def __init__(self) -> None:
        self.running: list[Step] = []
        self.over: set[str] = set()
        self.down = False

    def start(self, step: Step) -> bool:
        if self.down:
            raise ServiceUnavailable(service="workflow")
        if step.name in self.over:
            return False
        if step not in self.running:
            self.running.append(step)
        return True

    def finish(self, step: Step) -> None:
        """End an execution."""
        self.running.remove(step)
        self.over.add(step.name)


class MemoryDeliveries:
    """A `DeliveryStore` in a dict. `down` makes every call fail."""

    def __init__(self) -> None:
        self._stored: dict[tuple[Subject, WebhookEvent], Delivery] = {}
        self._lock = threading.Lock()
        self.down = False

    def get(self, subject: Subject, event: WebhookEvent) -> Delivery | None:
        self._raise_if_down()
        return self._stored.get((subject, event))

    def about(self, subject: Subject) -> Sequence[Delivery]:
        self._raise_if_down()
        return [one for (about, _), one in self._stored.items() if about == subject]

    def record(self, subject: Subject, delivery: Delivery, *, expires_at: datetime) -> Delivery:
        self._raise_if_down()
        key = subject, delivery.event
        with self._lock:
            stored = self._stored.get(key)
            if stored is None or stored.round < delivery.round or _is_better(stored, delivery):
                self._stored[key] = delivery
            return self._stored[key]

    def _raise_if_down(self) -> None:
        if self.down:
            raise ServiceUnavailable(service="table")


def _is_better(stored: Delivery, delivery: Delivery) -> bool:
    if stored.round != delivery.round or stored.state is DeliveryState.DELIVERED:
        return False
    return delivery.state is DeliveryState.DELIVERED or (not stored.over and stored.attempts < delivery.attempts)


class MemorySigningSecrets:
    """A `SigningSecretStore` in a dict."""

    def __init__(self) -> None:
        self.stored: dict[str, SigningSecrets] = {}

    def get(self, tenant: str) -> SigningSecrets | None:
        return self.stored.get(tenant)

    def replace(self, tenant: str, before: SigningSecrets | None, after: SigningSecrets) -> SigningSecrets:
        if self.stored.get(tenant) == before:
            self.stored[tenant] = after
        return self.stored[tenant]


class Receiver:
    """A `SendMessage` that records the messages, and answers as scripted, then with 204."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.messages: list[tuple[str, Mapping[str, str], bytes]] = []

    def __call__(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        self.messages.append((url, headers, body))
        return self.answers.pop(0) if self.answers else Answer(204)


class MemoryObjects:
    """An `ObjectStore` in two dicts: documents, and uploads with their types. `down` makes every call fail, and
    `before_put` may make a write fail."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}
        self.files: dict[str, tuple[bytes, str]] = {}
        self.described: list[str] = []
        self.down = False
        self.before_put: Callable[[str], None] = lambda key: None

    def put(self, key: str, text: str) -> None:
        self._raise_if_down()
        self.before_put(key)
        self.texts[key] = text

    def get(self, key: str) -> str:
        self._raise_if_down()
        if key not in self.texts:
            raise NotFound("The document has expired.")
        return self.texts[key]

    def download_url(self, key: str, *, expires_in_s: int) -> str:
        return f"https://objects.test/{key}?expires={expires_in_s}"

    def upload_request(self, key: str, content_type: str, size_bytes: int, *, expires_in_s: int) -> PutRequest:
        headers = {"Content-Type": content_type, "Content-Length": str(size_bytes)}
        return PutRequest(f"https://objects.test/{key}?expires={expires_in_s}", headers)

    def describe(self, key: str) -> StoredObject | None:
        self._raise_if_down()
        self.described.append(key)
        found = self.files.get(key)
        return StoredObject(len(found[0]), found[1]) if found else None

    def fetch(self, key: str, path: Path, expected: StoredObject, stop: Callable[[], bool]) -> StoredObject | None:
        self._raise_if_down()
        found = self.files.get(key)
        if found is None:
            return None
        stored = StoredObject(len(found[0]), found[1])
        if stored == expected:
            path.write_bytes(b"" if stop() else found[0])
        return stored

    def _raise_if_down(self) -> None:
        if self.down:
            raise ServiceUnavailable(service="bucket")


class RecordingSink:
    """A `MetricsSink` that records executions and waits, or raises `broken` if set."""

    def __init__(self) -> None:
        self.waits_ms: list[float] = []
        self.executions: list[tuple[str, str, JobStatus, float]] = []
        self.broken: Exception | None = None

    def execution(self, plugin: str, tool: str, status: JobStatus, elapsed_ms: float) -> None:
        if self.broken is not None:
            raise self.broken
        self.executions.append((plugin, tool, status, elapsed_ms))

    def wait(self, waited_ms: float) -> None:
        if self.broken is not None:
            raise self.broken
        self.waits_ms.append(waited_ms)


class MemoryRates:
    """A `RateStore` in a dict, with the textbook form of the generic cell rate algorithm."""

    def __init__(self) -> None:
        self._next: dict[str, datetime] = {}
        self._lock = threading.Lock()

    def take(self, key_id: str, rate: Rate, now: datetime) -> float:
        with self._lock:
            due = max(now, self._next.get(key_id, now))
            if due - now > rate.tolerance:
                return (due - now - rate.tolerance).total_seconds()
            self._next[key_id] = due + rate.interval
            return 0


class MemorySecrets:
    """Predictable `Secrets` that record the names requested."""

    def __init__(self) -> None:
        self.requested: list[str] = []

    def secret(self, name: str) -> bytes:
        self.requested.append(name)
        return name.encode().ljust(32, b"-")
