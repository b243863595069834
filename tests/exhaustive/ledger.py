"""The history of a test: the runs that the plugin recorded, and every version of every job in the table."""

import json
from collections import Counter
from copy import replace
from dataclasses import dataclass
from itertools import groupby, pairwise
from pathlib import Path

from interlock.domain.events import EventType
from interlock.domain.job import Job
from interlock.domain.job_status import FINAL, TRANSITIONS, JobStatus

BEGINNINGS = frozenset({JobStatus.PENDING, JobStatus.RUNNING})
"""First statuses, except of a short synchronous run: it is written once, with the end of its first attempt."""

STOPPED = frozenset({JobStatus.CANCELLED, JobStatus.TIMED_OUT})


@dataclass(frozen=True, slots=True)
class Event:
    """A line of the file in which the plugin records its runs."""

    job_id: str
    event: str
    pid: int
    parent: int


def recorded(record: Path) -> list[Event]:
    """Return the runs that the plugin has recorded so far."""
    if not record.exists():
        return []
    return [Event(**json.loads(line)) for line in record.read_text().splitlines()]


def alive(pid: int) -> bool:
    """Return whether a process runs. A process that has ended and was not reaped does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in {"Z", "X"}
    except (FileNotFoundError, ProcessLookupError):
        return False


@dataclass(frozen=True, slots=True)
class Ending:
    """The recorded runs of a job, and its live processes, when its final status was written."""

    events: list[Event]
    alive: list[int]


class Ledger:
    """Records each version of each job. Call it after each write to the table, before the next write."""

    def __init__(self, record: Path) -> None:
        self._record = record
        self.histories: dict[str, list[Job]] = {}
        self.endings: dict[str, Ending] = {}

    def __call__(self, job: Job) -> None:
        history = self.histories.setdefault(job.job_id, [])
        if history and history[-1] == job:
            return
        # The run of a parked job has ended. Its process may stay warm for the next run of any job.
        was_parked = bool(history) and history[-1].parked
        history.append(job)
        if job.finished and job.job_id not in self.endings:
            events = self._events_of(job.job_id)
            left = [event.pid for event in events if not was_parked and alive(event.pid)]
            self.endings[job.job_id] = Ending(events, left)

    @property
    def all_finished(self) -> bool:
        """True if every recorded job has a final status."""
        return self.histories.keys() == self.endings.keys()

    def violations(self, job: Job) -> list[str]:
        """Return the violations in the history of a job that should be finished."""
        history = self.histories[job.job_id]
        if not job.finished:
            return [f"is still {job.status}: {[one.status.value for one in history]}"]
        found = [] if job == history[-1] else ["differs from its last recorded version"]
        if job.lease_expires_at is not None:
            found.append("is finished, but still has a lease")
        return found + history_violations(history) + self._violations_of_runs(job)

    def _violations_of_runs(self, job: Job) -> list[str]:
        events, ending = self._events_of(job.job_id), self.endings[job.job_id]
        counts = Counter(event.event for event in events)
        found = []
        if counts["began"] > job.attempt or counts["done"] > job.attempt:
            found.append(f"ran {counts['began']} times in {job.attempt} attempts")
        if events != ending.events:
            found.append(f"continued to run after it was {job.status}: {events[len(ending.events) :]}")
        if job.status in STOPPED and ending.alive:
            found.append(f"was {job.status} while its processes {ending.alive} ran")
        if job.status is JobStatus.SUCCEEDED and not counts["done"]:
            found.append("succeeded without a completed run")
        return found + deadline_violations(job)

    def _events_of(self, job_id: str) -> list[Event]:
        return [event for event in recorded(self._record) if event.job_id == job_id]


def deadline_violations(job: Job) -> list[str]:
    """Return the violations of a finished job: it never starts after its deadline, and a timeout names its limit."""
    found = []
    if job.started_at is not None and job.overdue(job.started_at):
        found.append(f"started at {job.started_at}, after its deadline")
    limit = job.error.details.get("limit") if job.error and job.status is JobStatus.TIMED_OUT else None
    if job.status is JobStatus.TIMED_OUT and limit not in {"timeout_s", "deadline"}:
        found.append(f"timed out without naming its limit: {job.error}")
    if limit == "deadline" and not (job.completed_at and job.overdue(job.completed_at)):
        found.append("was ended by its deadline before it")
    if job.status is JobStatus.TIMED_OUT and not job.attempt and limit != "deadline":
        found.append("timed out without a run or a deadline")
    return found


def history_violations(history: list[Job]) -> list[str]:
    """Return the transitions in a job's history that are not permitted."""
    found = []
    first = history[0]
    if first.status not in BEGINNINGS and not (first.finished and first.attempt == 1):
        found.append(f"began as {first.status}")
    for before, after in pairwise(history):
        if before.status in FINAL:
            found.append(f"was {before.status} and was written again: {after}")
        elif after.status is not before.status and after.status not in TRANSITIONS[before.status]:
            found.append(f"went from {before.status} to {after.status}")
        claimed = before.worker_id is None and after.worker_id is not None
        if after.attempt != before.attempt + claimed:
            found.append(f"went from attempt {before.attempt} to {after.attempt} as {after.status}")
    return found + _event_violations(history)


def _event_violations(history: list[Job]) -> list[str]:
    """Return differences between the job's events and its history. Each event occurs once, in order."""
    found = []
    events = history[-1].events.events
    reported = [event.fields["status"] for event in events if event.type is EventType.STATE]
    before = [JobStatus.PENDING, *([JobStatus.RUNNING] if history[0].attempt else [])]
    actual = [status for status, _ in groupby([*before, *(job.status for job in history)])]
    if reported != actual:
        found.append(f"reports the statuses {reported}, but had {actual}")
    if [event.seq for event in events] != list(range(1, len(events) + 1)):
        found.append(f"numbers its events {[event.seq for event in events]}")
    once = [replace(event, seq=0) for event in events]
    if any(once.count(event) > 1 for event in once):
        found.append(f"has an event twice: {once}")
    return found


def end_of(job: Job) -> str:
    """Return a job's status, with the outcome of its cancel, if any."""
    outcome = job.cancel and job.cancel.outcome
    return f"{job.status} {outcome}" if outcome else job.status
