"""The expected results of the events of batches in events/."""

import json
from typing import Any

from interlock.domain.batch import Batch, BatchStatus
from interlock.domain.job_status import JobStatus
from interlock.jobs.preparing import item_ids
from tests.service.account import Account
from tests.service.replay import JOB_ID, TENANT, Replay, event, http_body

TEXT_IMAGE = {"image": json.loads(event("batch-submit")["body"])["items"][0]["input"]["image"]}
"""An input that fits the tool's schema."""


def prepared(account: Account, replay: Replay, *inputs: Any, **fields: Any) -> Batch:
    """A batch whose jobs have been created."""
    account.put_batch(*inputs, **fields)
    assert replay("prepare-batch")["run"] is True
    return account.batch()


def check_batch_submit(account: Account, replay: Replay) -> None:
    answer = replay("batch-submit")
    body = http_body(answer, 202)
    assert answer["multiValueHeaders"]["Location"] == [f"/prod/v1/batches/{body['batch_id']}"]
    assert (body["status"], body["total"], body["counts"]["pending"]) == ("preparing", 2, 2)
    assert account.executions(account.batch_workflow_arn) == [f"{body['batch_id']}-1"]


def check_batches_list(account: Account, replay: Replay) -> None:
    account.put_batch({})
    body = http_body(replay("batches-list"), 200)
    assert ([one["batch_id"] for one in body["batches"]], body["next_cursor"]) == ([JOB_ID], None)


def check_batch_get(account: Account, replay: Replay) -> None:
    account.put_batch({})
    assert http_body(replay("batch-get"), 200)["status"] == "preparing"


def check_batch_results(account: Account, replay: Replay) -> None:
    account.put_batch({})
    assert http_body(replay("batch-results"), 409)["error"]["code"] == "not_finished"


def check_batch_cancel(account: Account, replay: Replay) -> None:
    account.put_batch({})
    body = http_body(replay("batch-cancel"), 202)
    assert (body["status"], body["cancel"]["reason"]) == ("cancelling", "not needed any more")
    assert sorted(account.executions(account.batch_workflow_arn)) == [f"{JOB_ID}-1", f"{JOB_ID}-2"]


def check_prepare_batch(account: Account, replay: Replay) -> None:
    batch = prepared(account, replay, TEXT_IMAGE, {"image": 7})
    assert batch.status is BatchStatus.RUNNING
    found = account.core.store.of_items(TENANT, item_ids(batch))
    assert [job.status for job in found.values()] == [JobStatus.PENDING, JobStatus.FAILED]


def check_finish_batch(account: Account, replay: Replay) -> None:
    prepared(account, replay, {"image": 7})
    assert replay("finish-batch") == {"finished": True}
    batch = account.batch()
    assert (batch.status, batch.counts.failed) == (BatchStatus.SUCCEEDED, 1)
