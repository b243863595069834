"""Batches whose functions are killed at any call: no item is lost or runs twice, counts add up, and a final status is
written only when no job is unfinished."""

import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Literal

import pytest

from interlock.domain.batch import Batch
from interlock.domain.job_id import job_id_of_item
from tests.fakes.plugins import a_plugin
from tests.fakes.world import World
from tests.volume import volume

type Moment = Literal["before", "after"]
type CancelAt = Literal["never", "submitted", "prepared", "between items", "run"]

ITEMS = 4
EVERY = volume(sample=7, full=1)
"""Number of calls from one crash point of a scenario to the next."""

ROUNDS = 12
"""In so many rounds of the schedule, each batch has to be over."""


class Killed(BaseException):
    """The function was killed."""


class Stopped(Exception):
    """The execution does not run, or was stopped."""


class Crash:
    """Kills the function that makes the n-th call of all services, before or after its effect."""

    def __init__(self, number: int, moment: Moment) -> None:
        self.left = number
        self._moment = moment
        self._lock = threading.Lock()

    def around(self, service: Any) -> Any:
        return _Fragile(self, service)

    def call(self, call: Any, *arguments: Any, **named: Any) -> Any:
        with self._lock:
            self.left -= 1
            dies = self.left == 0
        if dies and self._moment == "before":
            raise Killed
        result = call(*arguments, **named)
        if isinstance(result, Iterator):
            result = list(result)
        if dies:
            raise Killed
        return result


class _Fragile:
    def __init__(self, crash: Crash, service: Any) -> None:
        self._crash = crash
        self._service = service

    def __getattr__(self, name: str) -> Any:
        return partial(self._crash.call, getattr(self._service, name))


class Life:
    """A batch from its submission to its end, with the workflow, the schedule and a caller that retries."""

    def __init__(self, folder: Path, crash: Crash, cancel_at: CancelAt) -> None:
        self.world = World(folder, a_plugin(), around=crash.around)
        self.world.batches.before_change = self._check_end
        self._cancel_at = cancel_at
        self.batch_id = ""

    def live(self) -> None:
        body = {"plugin": "echo", "items": [{"input": {"text": str(number)}} for number in range(ITEMS)]}
        self.batch_id = self._until(lambda: self._submit(body))
        self._cancel_if("submitted")
        for _ in range(ROUNDS):
            with suppress(Killed):
                self._execute()
            self.world.clock.advance(61)
            with suppress(Killed):
                self.world.core.service.settle_lapsed()
                self.world.core.batch_service.restart_lapsed()
            if self.batch.finished:
                return
        raise AssertionError(f"the batch is still {self.batch.status}")

    @property
    def batch(self) -> Batch:
        found = self.world.batches.get("acme", self.batch_id)
        assert found is not None
        return found

    def _submit(self, body: Any) -> str:
        answer = self.world.request("POST", "/v1/batches", body, headers={"Idempotency-Key": "once"})
        assert answer.status == 202, answer.body
        return str(answer.body["batch_id"])

    @staticmethod
    def _until[T](ask: Any) -> Any:
        """Return the answer to a request that a caller repeats once if its function was killed."""
        with suppress(Killed):
            return ask()
        return ask()

    def _cancel_if(self, moment: CancelAt) -> None:
        if moment == self._cancel_at:
            self._cancel_at = "never"
            path = f"/v1/batches/{self.batch_id}/cancel"
            answer = self._until(lambda: self.world.request("POST", path))
            assert answer.status in {200, 202, 409}

    def _execute(self) -> None:
        """Run the execution of the current round, as the workflow does. A task that is killed ends the execution."""
        batch = self.batch
        with suppress(Stopped):
            try:
                self._run_steps(batch)
            finally:
                self.world.batch_workflow.finish(batch)

    def _run_steps(self, batch: Batch) -> None:
        self._raise_if_stopped(batch)
        plan = self.world.prepare_batch(self.batch_id)
        self._cancel_if("prepared")
        for number in range(ITEMS if plan["run"] else 0):
            self._raise_if_stopped(batch)
            self._run_item(number)
            self._cancel_if("between items")
        self._cancel_if("run")
        for _ in range(3):
            self._raise_if_stopped(batch)
            if self.world.finish_batch(self.batch_id):
                return

    def _raise_if_stopped(self, batch: Batch) -> None:
        if (batch.batch_id, batch.round) not in self.world.batch_workflow.running:
            raise Stopped

    def _run_item(self, number: int) -> None:
        job_id = job_id_of_item(self.batch_id, number)
        try:
            self.world.run_submitted(job_id)
        except Killed:
            # The Catch of the item, after its lease has run out.
            self.world.clock.advance(20)
            self.world.core.service.settle("acme", job_id, worker_gone=True)

    def _check_end(self, after: Batch) -> None:
        if after.finished:
            assert [job.job_id for job in self.world.jobs.all_jobs if not job.finished] == []

    def check(self) -> None:
        batch, jobs = self.batch, self.world.jobs.all_jobs
        assert [job.job_id for job in jobs] == [job_id_of_item(self.batch_id, number) for number in range(ITEMS)]
        counted = self.world.batches.counts("acme", self.batch_id)
        assert (batch.counts, batch.counts.pending(ITEMS)) == (counted, 0)
        lines = self.world.objects.texts[batch.results_key].splitlines()
        assert [(line["index"], line["job_id"], line["status"]) for line in map(json.loads, lines)] == [
            (number, job.job_id, job.status) for number, job in enumerate(jobs)
        ]
        runs = Counter(run.request["job_id"] for run in self.world.sandbox.runs)
        assert set(runs.values()) <= {1}
        assert {job.job_id for job in jobs if job.status == "succeeded"} <= set(runs)
        if batch.cancel is None:
            assert (batch.status, counted.cancelled) == ("succeeded", 0)
        else:
            assert batch.status == ("cancelled" if counted.cancelled else "succeeded")


@pytest.mark.parametrize("cancel_at", ["never", "submitted", "prepared", "between items", "run"])
@pytest.mark.parametrize("moment", ["before", "after"])
def test_killed_functions_lose_no_item_and_run_none_twice(tmp_path: Path, moment: Moment, cancel_at: CancelAt) -> None:
    number, passed = 1, 0
    while True:
        crash = Crash(number, moment)
        life = Life(tmp_path / str(number), crash, cancel_at)
        try:
            life.live()
            life.check()
        except AssertionError as error:
            raise AssertionError(f"call {number} killed {moment}: {error}") from error
        passed += 1
        if crash.left > 0:
            break
        number += EVERY
    assert passed > 20 // EVERY
