"""The callers of `make load`, run by locust in its own environment, which has neither Interlock nor its tests.

Each answer is checked: an unexpected one is a failure. An execution is a request that creates a job;
after `INTERLOCK_LOAD_EXECUTIONS` of them, the callers stop. The statistics are written to `INTERLOCK_LOAD_RESULTS`.
"""

import itertools
import json
import os
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import gevent
from locust import FastHttpUser, constant, events
from locust.exception import StopUser

EXECUTIONS = int(os.environ["INTERLOCK_LOAD_EXECUTIONS"])
RESULTS = Path(os.environ["INTERLOCK_LOAD_RESULTS"])
HEADERS = {"X-API-Key": os.environ["INTERLOCK_LOAD_KEY"]}
ASYNC = {"Prefer": "respond-async"}
FINAL = {"succeeded", "failed", "timed_out", "cancelled"}
POLL_S, POLL_LIMIT = 0.1, 600

executions = itertools.count()
finished = itertools.count(1)

type Json = dict[str, Any]


class Caller(FastHttpUser):  # type: ignore[misc]  # locust is not in this environment
    """A caller that sends its next request when the answer to the last has arrived."""

    wait_time = constant(0)
    network_timeout = connection_timeout = 60.0

    def sync(self) -> None:
        with self.execution():
            self.call("sync", "POST", "/v1/execute", 200, body=work("works"))

    def sync_exception(self) -> None:
        with self.execution():
            self.call("sync, exception", "POST", "/v1/execute", 400, body=work("raises"))

    def asynchronous(self) -> None:
        with self.execution():
            self.wait_until_final(self.submit("async", "works"), {"succeeded"})

    def cancel(self) -> None:
        with self.execution():
            job_id = self.submit("async, to be cancelled", "waits")
            self.call("cancel", "POST", f"/v1/jobs/{job_id}/cancel", 200, 202, body={"reason": "load"})
            self.wait_until_final(job_id, {"cancelled"})

    def replay(self) -> None:
        with self.execution():
            key = {"Idempotency-Key": uuid.uuid4().hex}
            first = self.call("sync with a key", "POST", "/v1/execute", 200, body=work("works"), headers=key)
            again = self.call("replay", "POST", "/v1/execute", 200, body=work("works"), headers=key)
            if first.get("job_id") != again.get("job_id"):
                events.request.fire(
                    request_type="POST", name="replay", response_time=0, response_length=0, context={},
                    exception=AssertionError("a replay has another job"),
                )  # fmt: skip

    def list_jobs(self) -> None:
        self.call("list", "GET", "/v1/jobs?plugin=soak_a&status=succeeded&limit=10", 200)

    def plugin_health(self) -> None:
        self.call("plugin health", "GET", "/v1/plugins/soak_a/health", 200)

    def health(self) -> None:
        self.call("health", "GET", "/v1/health", 200)

    # Shares in percent.
    tasks: ClassVar = {
        sync: 50,
        sync_exception: 10,
        asynchronous: 12,
        cancel: 3,
        replay: 5,
        list_jobs: 6,
        plugin_health: 6,
        health: 8,
    }

    # --- Requests ---

    @contextmanager
    def execution(self) -> Iterator[None]:
        """Count an execution, or stop this caller if there have been enough. The last one to finish ends the run."""
        if next(executions) >= EXECUTIONS:
            raise StopUser
        try:
            yield
        finally:
            if next(finished) >= EXECUTIONS:
                # In another greenlet, because locust then waits for the end of this one.
                gevent.spawn(self.environment.runner.quit)

    def call(
        self, name: str, method: str, path: str, *expected: int, body: Any = None, headers: Mapping[str, str] = {}
    ) -> Json:
        """Send a request, and record as a failure any status but the expected ones."""
        with self.client.request(
            method, path, name=name, json=body, headers={**HEADERS, **headers}, catch_response=True
        ) as response:
            if response.status_code in expected:
                response.success()
                found: Json = json.loads(response.text)
                return found
            response.failure(f"{response.status_code}: {response.text}")
        return {}

    def submit(self, name: str, tool: str) -> str:
        answer = self.call(name, "POST", "/v1/execute", 202, body=work(tool), headers=ASYNC)
        return str(answer.get("job_id"))

    def wait_until_final(self, job_id: str, expected: set[str]) -> None:
        for _ in range(POLL_LIMIT):
            status = self.call("job", "GET", f"/v1/jobs/{job_id}", 200).get("status")
            if status in FINAL or status is None:
                break
            gevent.sleep(POLL_S)
        if status not in expected:
            events.request.fire(
                request_type="GET", name="job", response_time=0, response_length=0, context={},
                exception=AssertionError(f"job {job_id} is {status}, not {sorted(expected)}"),
            )  # fmt: skip


def work(tool: str) -> Json:
    return {"plugin": "soak_a", "tool": tool, "input": {"ms": 1}}


def write_results(environment: Any, **_: Any) -> None:
    """Write the statistics of the run."""
    stats = environment.stats
    requests = [
        {
            "name": entry.name,
            "count": entry.num_requests,
            "failures": entry.num_failures,
            **{f"p{share}_ms": entry.get_response_time_percentile(share / 100) for share in (50, 95, 99)},
        }
        for entry in [*stats.entries.values(), stats.total]
    ]
    errors = [f"{error.occurrences} x {error.name}: {error.error}" for error in stats.errors.values()]
    RESULTS.write_text(json.dumps({"requests": requests, "errors": errors}))


events.quitting.add_listener(write_results)
