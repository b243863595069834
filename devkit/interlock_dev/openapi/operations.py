"""The operations, with their parameters, bodies and responses."""

from collections.abc import Mapping

from interlock.domain.access import Scope
from interlock.http import presenters
from interlock.jobs.execute import KEPT_INPUT_BYTES
from interlock.jobs.lease import CLAIM_DELAY_S
from interlock_dev.openapi.batch_operations import BATCH_OPERATIONS
from interlock_dev.openapi.examples import (
    ANNOUNCED,
    CANCELLING,
    DELIVERIES,
    DOWNLOAD,
    FAILED,
    PENDING,
    PNG,
    PREVENTED,
    RERUN,
    RESULT,
    RUNNING,
    SUCCEEDED,
    TALKATIVE,
    UPLOAD,
    UPLOAD_BYTES,
    WEBHOOK,
    WHY,
)
from interlock_dev.openapi.key_operations import KEY_OPERATIONS
from interlock_dev.openapi.mcp_operations import MCP_OPERATIONS
from interlock_dev.openapi.operation import Answer, Body, Operation
from interlock_dev.openapi.plugin_operations import PLUGIN_OPERATIONS
from interlock_dev.openapi.webhook_operations import WEBHOOK_OPERATIONS

_CANCEL: Mapping[int, Answer] = {
    200: Answer(
        "The job is cancelled: it never started, or was cancelled before.",
        "Job",
        {"prevented": presenters.job_document(PREVENTED)},
        links=("getJob", "getResult"),
    ),
    202: Answer(
        "The job is being stopped. It is `cancelling` until its process has ended.",
        "Job",
        {"cancelling": presenters.job_document(CANCELLING)},
        headers=("Retry-After",),
        links=("getJob", "getResult"),
    ),
}
_ACCEPTED_HEADERS = ("Location", "Retry-After", "Preference-Applied", "Idempotency-Replayed")
_CANCEL_BODY = Body("CancelRequest", {"with a reason": {"reason": WHY}}, required=False)
_CANCEL_REFUSALS = ("InvalidRequest", "JobNotFound", "AlreadyFinished")

OPERATIONS = (
    Operation(
        "execute",
        "POST /v1/execute",
        Scope.EXECUTE,
        "Run a tool, now or as an asynchronous job",
        "Without `Prefer` the tool runs at once, for at most 25 s, and the response contains its result. A run of "
        f"less than {CLAIM_DELAY_S:g} s is not listed before it ends. With "
        "`Prefer: respond-async` the response is a pending job. Input that does not fit the tool's schema is rejected "
        "before anything starts, and no job is created.",
        {
            200: Answer(
                "The job has succeeded.",
                "FinishedJob",
                {
                    "inline": presenters.finished_document(SUCCEEDED, RESULT),
                    "large": presenters.finished_document(SUCCEEDED, DOWNLOAD),
                },
                headers=("Idempotency-Replayed",),
                links=("getJob", "getResult"),
            ),
            202: Answer(
                "The job has not finished yet.",
                "Job",
                {"pending": presenters.job_document(PENDING)},
                headers=_ACCEPTED_HEADERS,
                links=("getJob", "getResult", "getEvents", "cancelJob", "deleteJob"),
            ),
        },
        refusals=("NotExecuted", "IdempotencyMismatch"),
        parameters=("Prefer", "Idempotency-Key"),
        body=Body(
            "ExecuteRequest",
            {
                "the first tool": {"plugin": "ocr", "input": {"image": PNG}},
                "an uploaded file": {"plugin": "ocr", "input": {"image": {"upload_id": UPLOAD["upload_id"]}}},
                "within 5 s": {"plugin": "ocr", "tool": "analyze", "input": {"image": PNG}, "timeout_s": 5},
                "over in 10 minutes": {"plugin": "ocr", "input": {"image": PNG}, "deadline_s": 600},
                "with a webhook": {"plugin": "ocr", "input": {"image": PNG}, "webhook": {"url": WEBHOOK.url}},
            },
        ),
    ),
    Operation(
        "createUpload",
        "POST /v1/uploads",
        Scope.EXECUTE,
        "Create an upload for a large file",
        "The response contains a presigned URL to PUT a file of up to 100 MiB, which may be larger than a request "
        "body. Pass its `upload_id` instead of the file in a tool's input. Any number of jobs can use an upload.",
        {201: Answer("The upload was created.", "Upload", {"an image": UPLOAD})},
        refusals=("InvalidRequest",),
        body=Body("UploadRequest", {"an image": {"content_type": "image/png", "size": UPLOAD_BYTES}}),
    ),
    Operation(
        "listJobs",
        "GET /v1/jobs",
        Scope.JOBS_READ,
        "List jobs, newest first",
        "Each job appears on exactly one page, even if new jobs arrive between the requests. A page may have fewer "
        "jobs than `limit`, or none, if few jobs match; the list ends when `next_cursor` is null.",
        {
            200: Answer(
                "A page of jobs.",
                "JobList",
                {
                    "the last page": {"jobs": [presenters.job_document(SUCCEEDED)], "count": 1, "next_cursor": None},
                    "there is more": {
                        "jobs": [presenters.job_document(RUNNING)],
                        "count": 1,
                        "next_cursor": "MDFLWTRRSjNIUzAxMjM0NTY3ODlBQkNERUYuMGYxZTJkM2M0YjVhNjk3OA",
                    },
                },
                links=("nextPage",),
            )
        },
        refusals=("InvalidRequest",),
        parameters=("plugin", "tool", "status", "created_after", "created_before", "batch", "limit", "cursor"),
    ),
    Operation(
        "getJob",
        "GET /v1/jobs/{job_id}",
        Scope.JOBS_READ,
        "Read a job",
        "Status, progress, times and error of a job, without its result. With `Prefer: wait=N` the response comes as "
        "soon as the job has finished.",
        {
            200: Answer(
                "The job.",
                "Job",
                {
                    "running": presenters.job_document(RUNNING),
                    "succeeded": presenters.job_document(SUCCEEDED),
                    "with a webhook": presenters.job_document(ANNOUNCED, DELIVERIES),
                    "failed": presenters.job_document(FAILED),
                },
                headers=("Preference-Applied",),
                links=("getResult", "getEvents", "cancelJob", "deleteJob", "rerunJob"),
            )
        },
        refusals=("InvalidRequest", "JobNotFound"),
        parameters=("Wait",),
    ),
    Operation(
        "deleteJob",
        "DELETE /v1/jobs/{job_id}",
        Scope.JOBS_CANCEL,
        "Cancel a job",
        "The same as `cancelJob`. The job stays readable until it expires.",
        _CANCEL,
        refusals=_CANCEL_REFUSALS,
        body=_CANCEL_BODY,
    ),
    Operation(
        "getResult",
        "GET /v1/jobs/{job_id}/result",
        Scope.JOBS_READ,
        "Read the result of a finished job",
        "The tool's result, or the error for a job that did not succeed. With `Prefer: wait=N` the response comes as "
        "soon as the job has finished.",
        {
            200: Answer(
                "The job has finished.",
                "JobResult",
                {
                    "succeeded": presenters.result_document(SUCCEEDED, RESULT),
                    "failed": presenters.result_document(FAILED, None),
                    "prevented": presenters.result_document(PREVENTED, None),
                },
                headers=("Preference-Applied",),
                links=("getJob", "rerunJob"),
            )
        },
        refusals=("InvalidRequest", "JobNotFound", "NotFinished"),
        parameters=("Wait",),
    ),
    Operation(
        "getEvents",
        "GET /v1/jobs/{job_id}/events",
        Scope.JOBS_READ,
        "Read the events of a job",
        "State changes, progress, and the lines that the tool wrote to its logger and standard streams, in order. "
        "Events are stored once a second while the job runs, and at its end. With `Prefer: wait=N` the response comes "
        "as soon as there is an event after `after`, or the job has finished.",
        {
            200: Answer(
                "The events.",
                "EventList",
                {
                    "the whole of a job": presenters.events_document(SUCCEEDED.events.after(0), 0),
                    "much was written": presenters.events_document(TALKATIVE.events.after(0), 0),
                    "nothing new": presenters.events_document(SUCCEEDED.events.after(5), 5),
                },
                headers=("Preference-Applied",),
            )
        },
        refusals=("InvalidRequest", "JobNotFound"),
        parameters=("after", "Wait"),
    ),
    Operation(
        "rerunJob",
        "POST /v1/jobs/{job_id}/rerun",
        Scope.EXECUTE,
        "Run a job again",
        "Submits a new asynchronous job with the input of this one, changed by `input` (RFC 7396), whether this one "
        "has finished or not. Its limits are not taken over. The changed input is validated like that of `execute`. "
        f"Synchronous jobs store inputs of up to {KEPT_INPUT_BYTES} bytes; those with larger ones cannot be run again.",
        {
            200: Answer(
                "The new job has succeeded while the request waited for it.",
                "FinishedJob",
                {"inline": presenters.finished_document(SUCCEEDED, RESULT)},
                headers=("Idempotency-Replayed",),
                links=("getJob", "getResult"),
            ),
            202: Answer(
                "The new job has not finished yet.",
                "Job",
                {"pending": presenters.job_document(RERUN)},
                headers=_ACCEPTED_HEADERS,
                links=("getJob", "getResult", "getEvents", "cancelJob", "deleteJob"),
            ),
        },
        refusals=("NotExecuted", "JobNotFound", "InputExpired", "IdempotencyMismatch"),
        parameters=("Prefer", "Idempotency-Key"),
        body=Body(
            "RerunRequest",
            {"the same input": {}, "another language": {"input": {"language": "deu"}, "deadline_s": 600}},
            required=False,
        ),
    ),
    Operation(
        "cancelJob",
        "POST /v1/jobs/{job_id}/cancel",
        Scope.JOBS_CANCEL,
        "Cancel a job",
        "A pending job never starts. The process of a running job gets SIGTERM, and SIGKILL 2 s later. Cancelling a "
        "job twice is not an error.",
        _CANCEL,
        refusals=_CANCEL_REFUSALS,
        body=_CANCEL_BODY,
    ),
    *WEBHOOK_OPERATIONS,
    *PLUGIN_OPERATIONS,
    *MCP_OPERATIONS,
    *BATCH_OPERATIONS,
    *KEY_OPERATIONS,
)
