"""Sensitive calls to AWS, and the functions whose policies allow them."""

import pytest

from interlock_dev.aws.iam.calls import Need
from tests.service.replay import BATCH_WORKFLOW, BUCKET, DELIVERY_WORKFLOW, POLICIES, TABLE, TENANT

FORBIDDEN = {
    "reads an API key": (
        Need("dynamodb:GetItem", TABLE.arn, frozenset({"KEY#0123"})),
        {"AuthorizeFunction", "KeysFunction"},
    ),
    "lists API keys": (Need("dynamodb:Query", TABLE.arn, frozenset({"KEYS"})), {"KeysFunction"}),
    "creates an API key": (Need("dynamodb:PutItem", TABLE.arn, frozenset({"KEY#0123"})), {"KeysFunction"}),
    "changes an API key": (Need("dynamodb:UpdateItem", TABLE.arn, frozenset({"KEY#0123"})), {"KeysFunction"}),
    "hides a key among others": (
        Need("dynamodb:UpdateItem", TABLE.arn, frozenset({f"JOB#{TENANT}#1", "KEY#0123"})),
        set[str](),
    ),
    "reads a secret of webhooks": (
        Need("dynamodb:GetItem", TABLE.arn, frozenset({f"WEBHOOK#{TENANT}"})),
        {"JobsFunction", "SendWebhookFunction"},
    ),
    "writes a secret of webhooks": (
        Need("dynamodb:PutItem", TABLE.arn, frozenset({f"WEBHOOK#{TENANT}"})),
        {"JobsFunction", "SendWebhookFunction"},
    ),
    "records a delivery": (
        Need("dynamodb:PutItem", TABLE.arn, frozenset({f"DELIVERY#{TENANT}#1"})),
        {"JobsFunction", "SendWebhookFunction"},
    ),
    "changes a job": (
        Need("dynamodb:UpdateItem", TABLE.arn, frozenset({f"JOB#{TENANT}#1"})),
        {"ExecuteFunction", "FinishBatchFunction", "JobsFunction", "RunJobFunction", "SettleJobsFunction"},
    ),
    "changes a batch": (
        Need("dynamodb:PutItem", TABLE.arn, frozenset({f"BATCH#{TENANT}#1"})),
        {"BatchesFunction", "CountJobsFunction", "FinishBatchFunction", "PrepareBatchFunction", "SettleJobsFunction"},
    ),
    "starts a batch": (
        Need("states:StartExecution", BATCH_WORKFLOW.arn),
        {"BatchesFunction", "CountJobsFunction", "SettleJobsFunction"},
    ),
    "starts a delivery": (
        Need("states:StartExecution", DELIVERY_WORKFLOW.arn),
        {"AnnounceJobsFunction", "JobsFunction"},
    ),
    "reads the whole table": (Need("dynamodb:Scan", TABLE.arn), set[str]()),
    "deletes a job": (Need("dynamodb:DeleteItem", TABLE.arn, frozenset({f"JOB#{TENANT}#1"})), set[str]()),
    "deletes an object": (Need("s3:DeleteObject", f"{BUCKET.arn}/jobs/{TENANT}/1/input.json"), set[str]()),
    "writes beside the jobs": (Need("s3:PutObject", f"{BUCKET.arn}/elsewhere"), set[str]()),
}


@pytest.mark.parametrize("what", FORBIDDEN)
def test_sensitive_permission_is_granted_to_the_listed_functions_only(what: str) -> None:
    need, by = FORBIDDEN[what]
    assert {name for name, of_it in POLICIES.items() if any(one.allows(need) for one in of_it)} == by
