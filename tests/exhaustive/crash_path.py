"""A path of calls on which faults are injected, and the vocabulary of the paths.

A path says what happens before it, on it, and beside it, and how clients retry after it.
"""

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
SUBMIT = (STORE, PUT, START)
RUN = (GET, TRANSACT, FETCH, STORE, TRANSACT)
READ = (GET, FETCH)
LOSE = (GET, TRANSACT)
RESTART = (START, UPDATE)
END = (START, TRANSACT)

type Until = Callable[[Callable[[], bool]], None]
"""Waits for a condition, or for the end of the path."""


class CrashPath:
    """A path. The faults are in `drive`, which may run in a separate process that leaves nothing but the shared
    table, bucket, executions and files. Calls of `healthy` succeed."""

    name: str
    calls: tuple[str, ...]
    """The calls to the outside world without a fault, in any order, heartbeats aside."""

    beats = False
    """It takes a heartbeat, however fast the machine is; others take none, however slow it is."""

    @property
    def heartbeat_s(self) -> float:
        return HEARTBEAT_S if self.beats else NEVER_S

    keyed = False
    """Under one idempotency key: there is at most one job and one run."""

    engine_retries = False

    def before(self, healthy: System) -> None:
        """Prepare the state before the path."""

    def drive(self, system: System) -> None:
        """The path. Errors are taken as the platform takes them."""
        raise NotImplementedError

    def beside(self, healthy: System, until: Until) -> None:
        """Act beside the path."""

    def ready(self, healthy: System) -> bool:
        """Whether the path may begin; asked until it may."""
        return True

    def again(self, healthy: System) -> None:
        """Retry as a client that got no answer, or a 503."""

    def after_call(self, system: System) -> Callable[[str], None]:
        """Return a callback for each call on the path that came back."""
        return lambda _name: None


def answered(system: System, status: int) -> bool:
    return any(said.status == status for said in system.answers())


def submitted(system: System) -> str:
    """The id of the job that was acknowledged first."""
    return next(str(said.body["job_id"]) for said in system.answers() if said.status == 202)


def cancelled(system: System) -> bool:
    """A cancel was answered for good."""
    return any(said.request.endswith("/cancel") and said.status < 500 for said in system.answers())


def never(system: System) -> str:
    """A file that is not there before the system is brought to rest."""
    return str(system.place.file("rest"))
