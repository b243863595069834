"""The lease of a claimed job: its claim, if that is still to be written, and its heartbeats."""

import math
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Self

from interlock.domain import job as jobs
from interlock.domain.errors import ServiceUnavailable
from interlock.domain.events import Event
from interlock.domain.job import Job
from interlock.domain.job_status import JobStatus
from interlock.jobs.event_buffer import EventBuffer
from interlock.ports import Clock, JobStore, StaleJob
from interlock.sandbox import Alarm, CancelToken

LEASE = timedelta(seconds=15)
LEASE_MARGIN = timedelta(seconds=5)
"""The part of the lease that is kept to stop the tool in time."""

HEARTBEAT_S = 1.0

CLAIM_DELAY_S = 0.2
"""The claim of a synchronous run is written after this time. A shorter run is written once, when it ends."""


class Lease:
    """Keeps the lease of a claimed job while its tool runs, with a heartbeat every second.

    The first heartbeat is sent after one second, so a short run sends none. Each heartbeat extends the lease, stores
    the tool's events, and returns a requested cancel. If the lease is lost or cannot be kept, the tool is stopped.

    If the claim is not `written` yet, it is written when `alarm` rings after the claim delay; until then there is no
    thread. After leaving the context, `written` tells whether the claim was written.

    `lost` is the job if another process settled it. Leaving the context raises the error that kept the claim from being
    written or the lease from being extended: `ServiceUnavailable` if the table was down for too long.
    """

    def __init__(self, store: JobStore, job: Job, said: EventBuffer, *, clock: Clock, written: bool) -> None:
        self._store = store
        self._said = said
        self._clock = clock
        self._over = threading.Event()
        self._failure: Exception | None = None
        self._thread: threading.Thread | None = None
        self.job = job
        self.written = written
        self.lost: Job | None = None
        self.cancel = CancelToken()
        self.alarm = Alarm(math.inf if written else time.monotonic() + CLAIM_DELAY_S, self._start)

    def __enter__(self) -> Self:
        if self.written:
            self._start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        if self._thread is not None:
            # Wait for a claim that is being written: the write that ends the job depends on it.
            self._thread.join()
        self.cancel.close()
        if self._failure is not None:
            raise self._failure

    def _start(self) -> None:
        self._thread = threading.Thread(target=self._keep, name=f"lease-{self.job.job_id}", daemon=True)
        self._thread.start()

    def _keep(self) -> None:
        try:
            if not self.written:
                self._claim()
            while not self._over.wait(HEARTBEAT_S):
                self._beat()
        except StaleJob as error:
            self.lost = error.current or self.job
            self.cancel.set("the lease was lost")
        except Exception as error:  # raised on leaving the context: a tool must not continue without its lease
            self._failure = error
            self.cancel.set("the lease cannot be kept")

    def _claim(self) -> None:
        """Write the claim, unless the run has ended in the meantime. Its lease begins now, not with the run."""
        now = self._clock()
        if self._over.is_set():
            return
        self.job = jobs.lease_extended(self.job, now + LEASE)
        with self._guard(now):
            self._store.create(self.job)
        self.written = True

    def _beat(self) -> None:
        now = self._clock()
        news = self._said.take()
        try:
            with self._guard(now):
                self.job = self._heartbeat(now, news)
        except ServiceUnavailable:
            self._said.put_back(news)
            # The lease outlasts several heartbeats. It is given up only shortly before it expires.
            if self.job.lease_ran_out(self._clock() + LEASE_MARGIN):
                raise
            return
        if self.job.status is JobStatus.CANCELLING:
            self.cancel.set("cancelled by the caller")

    def _heartbeat(self, now: datetime, news: Sequence[Event]) -> Job:
        """Send a heartbeat. Repeat it if the job's events have changed since the last one: by a cancel, or by a
        heartbeat that was written but whose response was lost. New events are numbered after the stored ones."""
        held = self.job
        while True:
            try:
                return self._store.heartbeat(
                    held, now=now, lease_expires_at=now + LEASE, progress=self._said.progress, news=news
                )
            except StaleJob as error:
                if error.current is None or not error.current.held_as(held):
                    raise
                news = error.current.events.lacks(news, held.events.last_seq)
                held = error.current

    @contextmanager
    def _guard(self, now: datetime) -> Iterator[None]:
        """Stop the tool if the table takes longer to respond than the lease lasts."""
        held_until = (self.job.lease_expires_at or now) - LEASE_MARGIN
        guard = threading.Timer(max(HEARTBEAT_S, (held_until - now).total_seconds()), self._give_up)
        guard.daemon = True
        guard.start()
        try:
            yield
        finally:
            guard.cancel()
            guard.join()

    def _give_up(self) -> None:
        self._failure = ServiceUnavailable(service="table")
        self.cancel.set("the lease cannot be kept")
