"""Permissions that calls need, policies that grant them, and rejected calls."""

import io
import json
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

import pytest

from interlock_dev.aws.iam.calls import Need, needs
from interlock_dev.aws.iam.policies import Iam, Statement, statements
from interlock_dev.aws.iam.signatures import PRINCIPAL
from interlock_dev.project.access_keys import OWNER
from interlock_dev.project.errors import UsageError

TABLE = "arn:aws:dynamodb:us-east-1:123456789012:table/jobs"


def of_dynamodb(operation: str, **body: Any) -> list[Need]:
    return needs("POST", "/", "", f"DynamoDB_20120810.{operation}", json.dumps(body).encode())


def key(partition: str) -> dict[str, Any]:
    return {"pk": {"S": partition}, "sk": {"S": "JOB"}}


def test_table_call_needs_its_partitions() -> None:
    for operation, field in (("GetItem", "Key"), ("UpdateItem", "Key"), ("PutItem", "Item")):
        needed = of_dynamodb(operation, TableName="jobs", **{field: key("JOB#a#1")})
        assert needed == [Need(f"dynamodb:{operation}", TABLE, frozenset({"JOB#a#1"}))]
    batch = of_dynamodb("BatchGetItem", RequestItems={"jobs": {"Keys": [key("JOB#a#1"), key("JOB#a#2")]}})
    assert batch == [Need("dynamodb:BatchGetItem", TABLE, frozenset({"JOB#a#1", "JOB#a#2"}))]
    written = of_dynamodb("BatchWriteItem", RequestItems={"jobs": [{"PutRequest": {"Item": key("JOB#a#1")}}]})
    assert written == [Need("dynamodb:BatchWriteItem", TABLE, frozenset({"JOB#a#1"}))]
    assert of_dynamodb("Scan", TableName="jobs") == [Need("dynamodb:Scan", TABLE)]
    assert of_dynamodb("ListTables") == [Need("dynamodb:ListTables", "*")]


def test_query_needs_its_index_and_partition() -> None:
    [on_index] = of_dynamodb(
        "Query",
        TableName="jobs",
        IndexName="by_tenant",
        KeyConditionExpression="#p = :p AND job_id < :before",
        ExpressionAttributeValues={":p": {"S": "0#acme"}, ":before": {"S": "01J"}},
    )
    assert on_index == Need("dynamodb:Query", f"{TABLE}/index/by_tenant", frozenset({"0#acme"}))
    with pytest.raises(ValueError, match="no partition"):
        of_dynamodb("Query", TableName="jobs", KeyConditionExpression="begins_with(pk, :p)")


def test_transaction_needs_the_actions_of_its_writes_on_all_partitions() -> None:
    writes = [
        {"Put": {"TableName": "jobs", "Item": key("JOB#a#1")}},
        {"Update": {"TableName": "jobs", "Key": key("SLOTS#ocr")}},
        {"ConditionCheck": {"TableName": "jobs", "Key": key("KEY#1")}},
    ]
    all_of_them = frozenset({"JOB#a#1", "SLOTS#ocr", "KEY#1"})
    assert of_dynamodb("TransactWriteItems", TransactItems=writes) == [
        Need(f"dynamodb:{action}", TABLE, all_of_them) for action in ("PutItem", "UpdateItem", "ConditionCheckItem")
    ]


@pytest.mark.parametrize(
    ("method", "path", "query", "action", "resource"),
    [
        ("GET", "/files/jobs/a%20b/1.json", "x-id=GetObject", "s3:GetObject", "files/jobs/a b/1.json"),
        ("HEAD", "/files/jobs/1", "", "s3:GetObject", "files/jobs/1"),
        ("PUT", "/files/jobs/1", "partNumber=1&uploadId=x", "s3:PutObject", "files/jobs/1"),
        ("GET", "/files/jobs/1", "X-Amz-Credential=x&X-Amz-Signature=y", "s3:GetObject", "files/jobs/1"),
        ("DELETE", "/files/jobs/1", "", "s3:DeleteObject", "files/jobs/1"),
        ("PUT", "/files/jobs/1", "tagging", "s3:PutObject:tagging", "files/jobs/1"),
        ("GET", "/files", "list-type=2&prefix=jobs", "s3:ListBucket", "files"),
        ("PUT", "/files", "", "s3:PutBucket", "files"),
        ("PUT", "/files", "policy", "s3:PutBucket:policy", "files"),
    ],
)
def test_bucket_call_needs_its_action_and_resource(
    method: str, path: str, query: str, action: str, resource: str
) -> None:
    assert needs(method, path, query, "", b"") == [Need(action, f"arn:aws:s3:::{resource}")]


def test_workflow_call_needs_its_action_and_resource() -> None:
    for operation, field in (("StartExecution", "stateMachineArn"), ("StopExecution", "executionArn")):
        body = json.dumps({field: "arn:aws:states:x"}).encode()
        assert needs("POST", "/", "", f"AWSStepFunctions.{operation}", body) == [
            Need(f"states:{operation}", "arn:aws:states:x")
        ]


def test_all_partitions_must_be_allowed() -> None:
    statement = Statement(("dynamodb:PutItem",), (TABLE,), ("JOB#*", "SLOTS#*"))
    for keys, allowed in (
        ({"JOB#a#1", "SLOTS#ocr"}, True),
        ({"JOB#a#1", "KEY#1"}, False),
        ({"XJOB#a#1"}, False),
    ):
        assert statement.allows(Need("dynamodb:PutItem", TABLE, frozenset(keys))) is allowed
    assert not statement.allows(Need("dynamodb:GetItem", TABLE, frozenset({"JOB#a#1"})))
    assert not statement.allows(Need("dynamodb:PutItem", f"{TABLE}/index/x", frozenset({"JOB#a#1"})))


@pytest.mark.parametrize(
    "policy",
    [
        "AmazonDynamoDBFullAccess",
        {"DynamoDBCrudPolicy": {"TableName": "jobs"}},
        {"Statement": [{"Effect": "Deny", "Action": "s3:*", "Resource": "*"}]},
        {"Statement": [{"Effect": "Allow", "NotAction": "s3:*", "Resource": "*"}]},
        {
            "Statement": [
                {"Effect": "Allow", "Action": "x:y", "Resource": "*", "Condition": {"StringLike": {"s3:prefix": "a"}}}
            ]
        },
    ],
)
def test_unsupported_policy_is_reported(policy: Any) -> None:
    with pytest.raises(UsageError, match="WorkFunction: the local stack supports only"):
        statements("WorkFunction", [policy])


class Aws:
    """A fake of AWS that accepts every request and records the bodies."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        self.bodies.append(environ["wsgi.input"].read())
        start_response("200 OK", [])
        return [b"done"]


def request(signer: str, *, target: str = "", body: bytes = b"") -> dict[str, Any]:
    environ: dict[str, Any] = {
        "REQUEST_METHOD": "POST" if target else "GET",
        "RAW_URI": "/" if target else "/files/jobs/1",
        "PATH_INFO": "/",
        "QUERY_STRING": "",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": io.BytesIO(body),
    }
    if target:
        environ["HTTP_X_AMZ_TARGET"] = target
    return environ | {PRINCIPAL: signer}


def answered(environ: dict[str, Any], *allowed: Statement) -> tuple[str, bytes, list[bytes]]:
    aws, statuses = Aws(), []
    iam = Iam(aws, {"WorkFunction": allowed})
    body = b"".join(iam(environ, lambda status, _: statuses.append(status)))
    return statuses[0], body, aws.bodies


GET = json.dumps({"TableName": "jobs", "Key": key("JOB#a#1")}).encode()
TARGET = "DynamoDB_20120810.GetItem"


def test_allowed_requests_pass_with_their_body() -> None:
    allowed = Statement(("dynamodb:GetItem",), (TABLE,), ("JOB#*",))
    assert answered(request("WorkFunction", target=TARGET, body=GET), allowed) == ("200 OK", b"done", [GET])


def test_requests_without_permission_return_the_error_of_aws_and_are_logged(capsys: pytest.CaptureFixture[str]) -> None:
    status, body, reached = answered(request("WorkFunction", target=TARGET, body=GET))
    assert (status, reached) == ("400 Bad Request", [])
    assert json.loads(body)["__type"].endswith("#AccessDeniedException")
    assert (
        f"WorkFunction is not authorized to perform: dynamodb:GetItem on resource: {TABLE}" in capsys.readouterr().err
    )


def test_object_without_a_policy_is_refused() -> None:
    status, body, reached = answered(request("WorkFunction"))
    assert (status, reached) == ("403 Forbidden", [])
    assert b"<Code>AccessDenied</Code>" in body
    allowed = Statement(("s3:GetObject",), ("arn:aws:s3:::files/*",))
    assert answered(request("WorkFunction"), allowed)[0] == "200 OK"


def test_owner_may_do_everything() -> None:
    assert answered(request(OWNER, target=TARGET, body=GET))[0] == "200 OK"


@pytest.mark.parametrize("name", ["Echo", "arn:aws:lambda:us-east-1:123456789012:function:Echo:prod"])
def test_invoking_a_function_needs_a_permission(name: str) -> None:
    path = f"/2015-03-31/functions/{quote(name, safe='')}/invocations"
    function = "arn:aws:lambda:us-east-1:123456789012:function:Echo"
    assert needs("POST", path, "", "", b"") == [Need("lambda:InvokeFunction", function)]
