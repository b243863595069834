"""The base class of paths with injected faults, and the calls that paths consist of."""

from collections.abc import Callable

from tests.exhaustive.system import HEARTBEAT_S, System

ASYNC = "respond-async"
NEVER_S = 3600.0
LARGE = 20_000
"""Characters that make a document too large for the table's item."""

# The calls of the steps of a path: requests to the table and the bucket, and calls of the workflow.
START, STOP, FETCH, STORE, LOOK = "workflow.start", "workflow.stop", "GET", "PUT", "HEAD"
PUT, GET, UPDATE, QUERY, TRANSACT = "PutItem", "GetItem", "UpdateItem", "Query", "TransactWriteItems"
BEAT = UPDATE
ONCE = NEW_CLAIM = PUT
CLAIM = END = UPDATE
"""The only write of a short run; the claim of a new job and of a pending one; the end of a job."""

ADD = UPDATE
"""A write of the counters of a tool."""

PUBLISH = PUT
"""A write of a tool's state for the list of plugins."""

SLOTTED = TRANSACT
"""A write together with a slot of the API key."""

SUBMIT = (STORE, PUT, START)
RUN = (GET, CLAIM, FETCH, STORE, END)
READ = (GET, FETCH)
LOSE = (GET, END)
RESTART = (START, UPDATE)
END_UNSTARTED = (START, END)

type Until = Callable[[Callable[[], bool]], None]
"""Waits until a condition holds, or until the path has ended."""


class CrashPath:
    """A sequence of calls into which a fault is injected.

    Faults are injected into `drive`, which may run in a separate process. That process shares only the table, the
    bucket, the executions and files with the test. Calls of a `healthy` system succeed.
    """

    name: str
    calls: tuple[str, ...]
    """The calls of `drive` without a fault to the table, bucket and workflow, in any order, without heartbeats."""

    beats = False
    """Whether the path contains heartbeats, however fast the machine is."""

    @property
    def heartbeat_s(self) -> float:
        return HEARTBEAT_S if self.beats else NEVER_S

    claimed = False
    """Whether a synchronous run outlasts the claim delay, however fast the machine is. Other runs end before."""

    @property
    def claim_delay_s(self) -> float:
        return 0.0 if self.claimed or self.beats else NEVER_S

    keyed = False
    """Whether all requests have one idempotency key, so that there is at most one job and one run."""

    limited = False
    """Whether the API key has a concurrency limit."""

    engine_retries = False

    def prepare(self, healthy: System) -> None:
        """Prepare the state before the path."""

    def drive(self, system: System) -> None:
        """Make the calls of the path. Errors are handled as Lambda and Step Functions handle them."""
        raise NotImplementedError

    def run_alongside(self, healthy: System, until: Until) -> None:
        """Act concurrently with the path."""

    def ready(self, healthy: System) -> bool:
        """Return whether the path may begin. It is called until it returns True."""
        return True

    def retry(self, healthy: System) -> None:
        """Retry as a client that received no response, or a 503."""

    def meanwhile(self, healthy: System) -> None:
        """Act as a client that goes on while unfinished jobs are continued and settled."""

    def after_call(self, system: System) -> Callable[[str], None]:
        """Return a callback that is called with the name of each completed call."""
        return lambda _name: None


def answered(system: System, status: int) -> bool:
    return any(answer.status == status for answer in system.answers())


def submitted(system: System) -> str:
    """Return the id of the job that was acknowledged first."""
    return next(str(answer.body["job_id"]) for answer in system.answers() if answer.status == 202)


def cancelled(system: System) -> bool:
    """Return whether a cancel has received a response other than a 5xx."""
    return any(answer.request.endswith("/cancel") and answer.status < 500 for answer in system.answers())


def never(system: System) -> str:
    """Return the path of a file that is created only after the path, so that a run does not end before."""
    return str(system.shared.file("rest"))
