"""Many concurrent executions of five plugins: afterwards health agrees exactly with the jobs, and the stack is small.

`make test` runs 100, `make soak` and `make test-exhaustive` 2,000.
"""

import itertools
import math
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from interlock.domain.metrics import PERCENTILE_ERROR
from interlock_dev.stack.client import COUNTS as COUNTED
from interlock_dev.stack.client import FINAL, Answer, Client, local_stack
from tests.load.usage import Usage, usage
from tests.volume import volume

ROOT = Path(__file__).parents[2]
PLUGINS = [f"soak_{letter}" for letter in "abcde"]
EXECUTIONS = volume(sample=100, full=2000)
CONCURRENCY = volume(sample=4, full=16)
PATIENCE_S = 60 + EXECUTIONS / 4

MOST_PROCESSES = 150
"""Sixteen environments, each with emulator, runtime, zygote and workers, of the functions that wait for tools."""

MOST_DESCRIPTORS = 20 + 10 * CONCURRENCY
KB_PER_EXECUTION = 200

type Json = dict[str, Any]
type End = tuple[str, str | None]
"""The final status and the error code of a job."""

pytestmark = [pytest.mark.xdist_group("soak"), pytest.mark.timeout(PATIENCE_S + EXECUTIONS)]

COUNTS = {
    "success_count": "succeeded",
    "error_count": "failed",
    "timed_out_count": "timed_out",
    "cancelled_count": "cancelled",
}
SHARES = {"p50_ms": "0.50", "p95_ms": "0.95", "p99_ms": "0.99"}


class Soak:
    """Sends executions and records the expected outcome of each job."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.expected: dict[str, End] = {}

    def now(self, plugin: str, tool: str, ms: float, end: End) -> None:
        answer = self._client.execute(plugin, tool, {"ms": ms})
        assert (answer.status, answer.code) == (200 if end[1] is None else 400, end[1]), answer.body
        self._expect(answer.body["job_id"] if answer.code is None else answer.body["error"]["job_id"], end)

    def later(self, plugin: str, tool: str, ms: float, end: End) -> None:
        self._expect(self._client.submit(plugin, tool, {"ms": ms}), end)

    def cancelled(self, plugin: str, *, once_running: bool) -> None:
        job_id = self._client.submit(plugin, "waits", {"ms": 0})
        self._expect(job_id, ("cancelled", "cancelled"))
        if once_running:
            self._client.until(job_id, lambda job: job["status"] == "running", within_s=PATIENCE_S)
        answer = self._client.call("POST", f"/v1/jobs/{job_id}/cancel", {"reason": "soak"})
        assert answer.status in {200, 202}, answer.body

    def refused(self, plugin: str, prefer: Mapping[str, str]) -> None:
        """Send an invalid input, for which no job is created."""
        body = {"plugin": plugin, "tool": "works", "input": {"ms": "long"}}
        answer = self._client.call("POST", "/v1/execute", body, prefer)
        assert (answer.status, answer.code, answer.body["error"]["job_id"]) == (400, "invalid_input", None)

    def _expect(self, job_id: str, end: End) -> None:
        assert job_id not in self.expected, "two executions have the same job id"
        self.expected[job_id] = end


SUCCEEDED, RAISED = ("succeeded", None), ("failed", "plugin_exception")
DIED, OVERRAN, REFUSED = ("failed", "plugin_crashed"), ("timed_out", "timeout"), ("failed", "invalid_input")

# Shares of a hundred executions. Long executions are rare, so that the test is fast.
MIX: Sequence[tuple[int, Callable[[Soak, str, float], None]]] = [
    (38, lambda soak, plugin, ms: soak.now(plugin, "works", ms, SUCCEEDED)),
    (14, lambda soak, plugin, ms: soak.later(plugin, "works", ms, SUCCEEDED)),
    (14, lambda soak, plugin, ms: soak.now(plugin, "raises", ms, RAISED)),
    (4, lambda soak, plugin, ms: soak.later(plugin, "raises", ms, RAISED)),
    (6, lambda soak, plugin, ms: soak.now(plugin, "refuses", ms, REFUSED)),
    (4, lambda soak, plugin, ms: soak.now(plugin, "dies", ms, DIED)),
    (2, lambda soak, plugin, ms: soak.later(plugin, "dies", ms, DIED)),
    (3, lambda soak, plugin, ms: soak.now(plugin, "overruns", ms, OVERRAN)),
    (1, lambda soak, plugin, ms: soak.later(plugin, "overruns", ms, OVERRAN)),
    (2, lambda soak, plugin, _: soak.cancelled(plugin, once_running=False)),
    (2, lambda soak, plugin, _: soak.cancelled(plugin, once_running=True)),
    (6, lambda soak, plugin, _: soak.refused(plugin, {})),
    (4, lambda soak, plugin, _: soak.refused(plugin, {"Prefer": "respond-async"})),
]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Client, int]]:
    """A stack that holds the jobs of this test only, and its process id."""
    log = tmp_path_factory.mktemp("soak") / "stack.log"
    plugin = str(Path(__file__).parent / "plugins" / "soak.py")
    with local_stack(ROOT, log, "--plugin", plugin, program=("-m", "tests.load.readable_stack")) as (client, process):
        yield client, process.pid


def executions(count: int) -> list[tuple[Callable[[Soak, str, float], None], str, float]]:
    """Return the executions in a shuffled order, over all plugins, with log-normal durations."""
    chance = random.Random(20)
    kinds = list(itertools.islice(itertools.cycle([way for share, way in MIX for _ in range(share)]), count))
    chance.shuffle(kinds)
    return [(way, PLUGINS[n % len(PLUGINS)], min(200.0, chance.lognormvariate(2, 1))) for n, way in enumerate(kinds)]


def all_jobs(client: Client) -> list[Json]:
    """Return all jobs, read page by page."""
    jobs: list[Json] = []
    cursor = ""
    while True:
        page = listed(client, f"limit=100{cursor}")
        jobs += page.body["jobs"]
        if page.body["next_cursor"] is None:
            return jobs
        cursor = f"&cursor={page.body['next_cursor']}"


def listed(client: Client, query: str) -> Answer:
    answer = client.call("GET", f"/v1/jobs?{query}")
    assert answer.status == 200, answer.body
    return answer


def wait_until_finished(client: Client) -> None:
    """Wait until all jobs have finished."""
    deadline = time.monotonic() + PATIENCE_S
    while unfinished := listed(client, "status=pending&status=running&status=cancelling&limit=1").body["jobs"]:
        assert time.monotonic() < deadline, unfinished
        time.sleep(0.2)


def seconds_until_counted(client: Client, jobs: int) -> float:
    """Wait until the counters include every job, and return the seconds that it took."""
    began, due = time.monotonic(), time.monotonic() + PATIENCE_S
    while True:
        healths = [client.call("GET", f"/v1/plugins/{plugin}/health").body for plugin in PLUGINS]
        counted = sum(health[count] for health in healths for count in COUNTED)
        if counted == jobs:
            return time.monotonic() - began
        assert time.monotonic() < due, counted
        time.sleep(0.05)


def true_percentile(times: Sequence[float], share: str) -> float:
    """Return a percentile by nearest rank, computed exactly."""
    return sorted(times)[math.ceil(Fraction(share) * len(times)) - 1]


def counters_of(jobs: Sequence[Json]) -> Json:
    """Return the counters that health must show for these jobs, as far as they are exact."""
    statuses = Counter(job["status"] for job in jobs)
    counts = {name: statuses[status] for name, status in COUNTS.items()}
    # A job that was cancelled before it started has no execution time.
    executed = [job for job in jobs if job["execution_time_ms"] is not None]
    if not executed:
        return {**counts, **dict.fromkeys((*SHARES, "avg_execution_time_ms", "last_execution_time_ms", "last_used"))}
    mean = math.fsum(job["execution_time_ms"] for job in executed) / len(executed)
    last_used = max(job["updated_at"] for job in executed)
    return {**counts, "avg_execution_time_ms": pytest.approx(mean, abs=0.001), "last_used": last_used}


def assert_health_equals_jobs(shown: Json, jobs: Sequence[Json]) -> None:
    true = counters_of(jobs)
    assert {name: shown[name] for name in true} == true
    times = [job["execution_time_ms"] for job in jobs if job["execution_time_ms"] is not None]
    for name, share in SHARES.items() if times else ():
        # Health and jobs show times in thousandths of a millisecond.
        assert shown[name] == pytest.approx(true_percentile(times, share), rel=PERCENTILE_ERROR, abs=0.001), name
    latest = [job["execution_time_ms"] for job in jobs if job["updated_at"] == true["last_used"]]
    assert not times or shown["last_execution_time_ms"] in latest


def assert_bounded(before: Usage, after: Usage) -> None:
    """Assert that the stack has not kept what it does not need."""
    assert after.processes <= MOST_PROCESSES
    assert after.first_descriptors <= MOST_DESCRIPTORS
    # The first executions also fill caches.
    assert after.first_memory_mb - before.first_memory_mb <= 50 + KB_PER_EXECUTION * EXECUTIONS / 1024


def test_after_many_mixed_executions_health_equals_the_jobs(running: tuple[Client, int]) -> None:
    stack, pid = running
    soak = Soak(stack)
    before, began = usage(pid), time.monotonic()
    with ThreadPoolExecutor(CONCURRENCY) as pool:
        list(pool.map(lambda one: one[0](soak, *one[1:]), executions(EXECUTIONS)))
    wait_until_finished(stack)
    elapsed_s, after = time.monotonic() - began, usage(pid)
    counted_s = seconds_until_counted(stack, len(soak.expected))
    assert_bounded(before, after)

    jobs = all_jobs(stack)
    assert len(jobs) == len({job["job_id"] for job in jobs})
    assert {job["job_id"] for job in jobs} == set(soak.expected)
    for job in jobs:
        assert job["status"] in FINAL
        assert (job["status"], (job["error"] or {}).get("code")) == soak.expected[job["job_id"]], job

    for plugin in PLUGINS:
        of_plugin = [job for job in jobs if job["plugin"] == plugin]
        health = stack.until_counted(plugin, len(of_plugin))
        assert health["state"] in {"INITIALIZED", "FAILED"}
        assert_health_equals_jobs(health, of_plugin)
        for tool in {job["tool"] for job in of_plugin}:
            assert_health_equals_jobs(health["tools"][tool], [job for job in of_plugin if job["tool"] == tool])
    shown = Counter(job["status"] for job in jobs)
    print(f"{EXECUTIONS} executions, {len(jobs)} jobs in {elapsed_s:.1f} s, counted {counted_s:.1f} s later: {shown}")
    print(f"{before} became {after}")
