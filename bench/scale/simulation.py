"""A simulation of jobs that suddenly begin to arrive at a constant rate, at a stack that was idle before.

Jobs arrive in groups, so that a run has at most `GROUPS` of them at any rate. Throttled requests to the gateway and to
synchronous functions are lost, and a throttled run of the workflow is repeated after each of `RETRIES_S`. The table and
the start of the workflow are waited for, as their clients retry; a job whose write would wait for more than
`PATIENCE_S` is lost. Partitions of the table do not split. Writes take partitions in turn: many single jobs are spread
evenly, while random choices for a few large groups would not be.
"""

import itertools
import math
import random
from collections import deque
from collections.abc import Generator
from contextlib import suppress
from dataclasses import dataclass, field

import simpy

from bench.scale import limits, quotas
from bench.scale.buckets import TokenBucket
from bench.scale.costs import BATCH_S, RECORD_S, UPDATE_S
from bench.scale.jobs import Invocation, Kind
from bench.scale.quotas import Setting

SECONDS, GROUPS, SEED = 60, 4_000, 1
PATIENCE_S, LATE_S = 5.0, 1.0
RETRIES_S = (2, 4, 8, 16, 0)
BACKLOG = 0.15
"""Share of a batch that a full batch may leave behind in its shard, before the counters are considered late."""

type Process = Generator[simpy.Event, object]
type Waiting = Generator[simpy.Event, object, float]


class LostError(Exception):
    """A group of jobs that was rejected."""


@dataclass
class Result:
    """The measurements of a run; `met` are the limits that were met, in order."""

    offered: float = 0.0
    done: float = 0.0
    met: list[str] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    iterator_age_s: float = 0.0

    def meet(self, limit: str) -> None:
        """Record that a limit is met."""
        if limit not in self.met:
            self.met.append(limit)

    @property
    def first(self) -> str | None:
        """The limit that was met first."""
        return self.met[0] if self.met else None

    @property
    def wait_s(self) -> float:
        """The 99th percentile of the time that a job waited for the table and the workflow."""
        ordered = sorted(self.waits)
        return ordered[math.ceil(len(ordered) * 0.99) - 1] if ordered else 0.0


class Functions:
    """Execution environments, which are created at a limited rate and kept."""

    def __init__(self, env: simpy.Environment, setting: Setting, result: Result) -> None:
        self._env, self._concurrency, self._result = env, setting.concurrency, result
        self._running = 0.0
        self._busy: dict[str, float] = {}
        self._created: dict[str, float] = {}
        self._scaling: dict[str, TokenBucket] = {}

    def invoke(self, invocation: Invocation, group: float, waits_s: float = 0.0) -> simpy.Event:
        """Invoke a function once for each job of a group. Raises LostError if it is throttled."""
        name = invocation.function
        busy = self._busy.get(name, 0.0)
        missing = busy + group - self._created.get(name, 0.0)
        if self._running + group > self._concurrency:
            raise self._lost(limits.CONCURRENCY)
        scaling = self._scaling.setdefault(name, TokenBucket(quotas.SCALING_RATE.value, quotas.SCALING_RATE.burst))
        if missing > 0 and not scaling.take(self._env.now, missing):
            raise self._lost(limits.SCALING)
        self._created[name] = max(self._created.get(name, 0.0), busy + group)
        self._busy[name] = busy + group
        self._running += group
        occupied = self._env.timeout(max(invocation.seconds + waits_s, 1 / quotas.PER_ENVIRONMENT.value))
        occupied.callbacks.append(lambda _: self._release(name, group))
        return self._env.timeout(invocation.seconds + waits_s)

    def _release(self, name: str, group: float) -> None:
        self._busy[name] -= group
        self._running -= group

    def _lost(self, limit: str) -> LostError:
        self._result.meet(limit)
        return LostError()


class Table:
    """Partitions of the table and of its indexes, and the stream's consumer with one process for each partition."""

    def __init__(self, env: simpy.Environment, setting: Setting, result: Result) -> None:
        self._env, self._setting, self._result = env, setting, result
        self._turn = itertools.count()
        partition = quotas.WRITES.value
        self._all = TokenBucket(setting.table_writes)
        self._partitions = [TokenBucket(partition) for _ in range(setting.partitions)]
        self._tenants = [[TokenBucket(partition) for _ in range(quotas.LIST_SHARDS)] for _ in range(setting.tenants)]
        self._open = [TokenBucket(partition) for _ in range(quotas.OPEN_PARTITIONS)]
        self._counters = TokenBucket(partition)
        self._records: list[deque[tuple[float, float]]] = [deque() for _ in range(setting.partitions)]
        for records in self._records:
            env.process(self._consume(records))

    def write(self, kind: Kind, tenant: int, group: float, *, indexed: bool = True) -> float:
        """Write the items of a group and return the seconds that it waits. Raises LostError if that is too long."""
        turn = next(self._turn)
        number = turn % self._setting.partitions
        used = {limits.TABLE: self._all, limits.PARTITIONS: self._partitions[number]}
        if indexed:
            shard = turn % quotas.LIST_SHARDS
            used[limits.TENANT] = self._tenants[tenant][shard]
            if kind.indexes > 2:
                used[limits.OPEN] = self._open[(tenant * quotas.LIST_SHARDS + shard) % quotas.OPEN_PARTITIONS]
        waits = {name: bucket.reserve(self._env.now, group, PATIENCE_S) for name, bucket in used.items()}
        longest = max(waits, key=lambda name: waits[name])
        if waits[longest] > LATE_S:
            self._result.meet(longest)
        if waits[longest] > PATIENCE_S:
            raise LostError
        self._records[number].append((self._env.now + waits[longest], group))
        return waits[longest]

    def _consume(self, records: deque[tuple[float, float]]) -> Process:
        while True:
            yield self._env.timeout(quotas.WINDOW_S)
            taken, oldest = 0.0, self._env.now
            while records and taken < quotas.BATCH_SIZE:
                at, group = records.popleft()
                oldest, taken = min(oldest, at), taken + group
            if not taken:
                continue
            if sum(group for _, group in records) > BACKLOG * quotas.BATCH_SIZE:
                self._result.meet(limits.COUNTERS)
            updates = min(taken, self._setting.tools)
            wait = self._counters.reserve(self._env.now, updates * limits.counter_units(self._setting))
            yield self._env.timeout(BATCH_S + taken * RECORD_S + updates * UPDATE_S + wait)
            self._result.iterator_age_s = max(self._result.iterator_age_s, self._env.now - oldest)


class Stack:
    """A stack under load."""

    def __init__(self, kind: Kind, setting: Setting, rate: float) -> None:
        self._env = simpy.Environment()
        self._rng = random.Random(SEED)  # noqa: S311 - the same run every time
        self._kind, self._setting = kind, setting
        self._group = max(1.0, rate * SECONDS / GROUPS)
        self._interval = self._group / rate
        self.result = Result()
        self._stage = TokenBucket(setting.stage, setting.stage_burst)
        self._account = TokenBucket(setting.gateway, setting.gateway_burst)
        self._starts = TokenBucket(setting.starts, setting.starts_burst)
        self._transitions = TokenBucket(setting.transitions)
        self._functions = Functions(self._env, setting, self.result)
        self._table = Table(self._env, setting, self.result)
        self._by_function = {one.function: one for one in kind.invocations}

    def run(self) -> Result:
        """Let jobs arrive for `SECONDS` and return what was measured."""
        self._env.process(self._arrive())
        self._env.run(until=SECONDS)
        return self.result

    def _arrive(self) -> Process:
        # A job that has not ended when the run ends is not counted as offered.
        tenants = itertools.cycle(range(self._setting.tenants))
        while self._env.now < SECONDS - 2 * (self._kind.tool_s + LATE_S):
            self.result.offered += self._group
            self._env.process(self._job(next(tenants)))
            yield self._env.timeout(self._interval * self._rng.uniform(0.5, 1.5))

    def _job(self, tenant: int) -> Process:
        with suppress(LostError):
            waited = 0.0
            yield from self._accept()
            if self._kind.workflow:
                waited = yield from self._submit(tenant)
            waited += self._write(tenant)
            self.result.waits.append(waited)
            yield from self._run(waited)
            self.result.done += self._group
            for _ in range(self._kind.requests - 1):
                yield from self._accept()
                yield self._functions.invoke(self._by_function["jobs"], self._group)

    def _accept(self) -> Process:
        for limit, bucket in ((limits.STAGE, self._stage), (limits.ACCOUNT, self._account)):
            if not bucket.take(self._env.now, self._group):
                self.result.meet(limit)
                raise LostError
        yield self._functions.invoke(self._by_function["authorize"], self._group)

    def _submit(self, tenant: int) -> Waiting:
        wait = self._table.write(self._kind, tenant, self._group)
        yield self._functions.invoke(self._by_function["execute"], self._group, wait)
        started = {
            limits.STARTS: self._starts.reserve(self._env.now, self._group),
            limits.TRANSITIONS: self._transitions.reserve(self._env.now, self._group),
        }
        longest = max(started, key=lambda name: started[name])
        if started[longest] > LATE_S:
            self.result.meet(longest)
        yield self._env.timeout(started[longest])
        return wait + started[longest]

    def _write(self, tenant: int) -> float:
        """Write all that a run writes and return the seconds that it waits."""
        steps = self._kind.steps - self._kind.workflow
        indexed = [True] * steps + [False] * self._kind.heartbeats
        return sum(self._table.write(self._kind, tenant, self._group, indexed=one) for one in indexed)

    def _run(self, waits_s: float) -> Process:
        if not self._kind.workflow:
            yield self._functions.invoke(self._by_function["execute"], self._group, waits_s)
            return
        for pause in RETRIES_S:
            try:
                yield self._functions.invoke(self._by_function["run_job"], self._group)
            except LostError:
                yield self._env.timeout(pause)
            else:
                return
        raise LostError


def simulate(kind: Kind, setting: Setting, rate: float) -> Result:
    """Simulate a kind of job at a rate of jobs per second."""
    return Stack(kind, setting, rate).run()
