"""Kinds of jobs: what one execution of each needs."""

from dataclasses import dataclass

from bench.scale.quotas import MEMORY_MB, PER_ENVIRONMENT

# Seconds of a warm invocation. Those of `execute` and `run_job` are added to the tool's. Assumed, after measurements of
# the local stack: the project has no figures from AWS.
AUTHORIZE_S, OWN_S, SUBMIT_S, READ_S = 0.005, 0.012, 0.03, 0.01
POLLS = 2


@dataclass(frozen=True, slots=True)
class Invocation:
    """`count` invocations of a function per job, of `seconds` each."""

    function: str
    count: int
    seconds: float

    @property
    def occupied_s(self) -> float:
        """Seconds for which environments are occupied: at least a tenth, as each serves ten requests a second."""
        return self.count * max(self.seconds, 1 / PER_ENVIRONMENT.value)

    @property
    def gb_s(self) -> float:
        """Billed GB-seconds."""
        return self.count * self.seconds * MEMORY_MB[self.function] / 1024


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of job of one KB. Each of its `steps` (submission, claim, end) writes the item and `indexes` indexes."""

    name: str
    tool_s: float
    invocations: tuple[Invocation, ...]
    steps: int
    indexes: int
    heartbeats: int
    units_before: int
    reads: int = 0
    requests: int = 1
    workflow: bool = False

    @property
    def writes(self) -> int:
        """Writes of the item, each of which is a record of the stream."""
        return self.steps + self.heartbeats

    @property
    def units(self) -> int:
        """Write units without heartbeats."""
        return self.steps * (1 + self.indexes)

    @property
    def claimed(self) -> bool:
        """Whether the job is written while it runs."""
        return self.steps > 1

    @property
    def counted(self) -> int:
        """Records that change a counter: all steps except the submission."""
        return self.steps - self.workflow


HEARTBEAT_UNITS, HEARTBEAT_UNITS_BEFORE = 1.1, 4
"""Write units of a heartbeat: every tenth also writes an index."""

SHORT = Kind(
    "short synchronous",
    tool_s=0.1,
    invocations=(Invocation("authorize", 1, AUTHORIZE_S), Invocation("execute", 1, 0.1 + OWN_S)),
    steps=1,
    indexes=2,
    heartbeats=0,
    units_before=24,
)
LONG = Kind(
    "long synchronous",
    tool_s=2.0,
    invocations=(Invocation("authorize", 1, AUTHORIZE_S), Invocation("execute", 1, 2.0 + OWN_S)),
    steps=2,
    indexes=3,
    heartbeats=1,
    units_before=24,
)
ASYNC = Kind(
    "asynchronous",
    tool_s=2.0,
    invocations=(
        Invocation("authorize", 1 + POLLS, AUTHORIZE_S),
        Invocation("execute", 1, SUBMIT_S),
        Invocation("run_job", 1, 2.0 + OWN_S),
        Invocation("jobs", POLLS, READ_S),
    ),
    steps=3,
    indexes=3,
    heartbeats=1,
    units_before=38,
    reads=1 + POLLS,
    requests=1 + POLLS,
    workflow=True,
)
KINDS = (SHORT, LONG, ASYNC)
