"""The base class of `Job` and `AsyncJob`."""

from interlock_client.documents import FINAL, CancelOutcome, Delivery, JobDocument, Progress, Status
from interlock_client.errors import InterlockError, error_of


class JobView:
    """A job as it was when it was read last."""

    document: JobDocument

    def __init__(self, document: JobDocument) -> None:
        self.document = document

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.id} {self.tool} {self.status}>"

    @property
    def id(self) -> str:
        """The job's id, a ULID."""
        return self.document["job_id"]

    @property
    def tool(self) -> str:
        """The name of the tool, as `run` takes it."""
        return f"{self.document['plugin']}.{self.document['tool']}"

    @property
    def status(self) -> Status:
        """The status: `pending`, `running`, `cancelling`, or a final one."""
        return self.document["status"]

    @property
    def finished(self) -> bool:
        """Whether the status is final: `succeeded`, `failed`, `timed_out` or `cancelled`."""
        return self.status in FINAL

    @property
    def progress(self) -> Progress | None:
        """The progress that the tool has reported."""
        return self.document["progress"]

    @property
    def cancel_outcome(self) -> CancelOutcome | None:
        """How a requested cancel ended: `prevented`, `stopped`, `killed` or `too_late`."""
        cancel = self.document["cancel"]
        return None if cancel is None else cancel["outcome"]

    @property
    def deliveries(self) -> list[Delivery]:
        """The deliveries of the job's webhook. Empty if the job has no webhook, or comes from a list of jobs."""
        webhook = self.document["webhook"]
        return (webhook["deliveries"] or []) if webhook else []

    @property
    def error(self) -> InterlockError | None:
        """The error of a job that has not succeeded."""
        error = self.document["error"]
        return None if error is None else error_of(error)
