"""The permissions that a call to AWS needs: IAM actions on resources, by the service authorization reference.

Transactions have no action; each write in one needs the action of the single write. AWS does not document whether
`dynamodb:LeadingKeys` then holds the key of that write or the keys of all. Here it holds all of them, which passes in
either case.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, unquote

from interlock_dev.project.template import ACCOUNT, REGION

type Json = Mapping[str, Any]

_INVOKE = re.compile(r"/2015-03-31/functions/([^/]+)/invocations")


@dataclass(frozen=True, slots=True)
class Need:
    """A permission for an action on a resource (ARN). `leading_keys` are the partition keys that a table call names."""

    action: str
    resource: str
    leading_keys: frozenset[str] = frozenset()


def needs(method: str, path: str, query: str, target: str, body: bytes) -> list[Need]:
    """Return the permissions that a request needs. `target` is the header `X-Amz-Target`; `path` is still quoted."""
    service, _, operation = target.partition(".")
    if service.startswith("DynamoDB"):
        return list(_of_dynamodb(operation, json.loads(body)))
    if service == "AWSStepFunctions":
        named: dict[str, str] = json.loads(body)
        arn = named.get("executionArn") or named.get("stateMachineArn") or "*"
        return [Need(f"states:{operation}", arn)]
    if invoked := _INVOKE.match(path):
        function = unquote(invoked[1]).rpartition(":function:")[2].partition(":")[0]
        return [Need("lambda:InvokeFunction", f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{function}")]
    return [_of_s3(method, unquote(path), parse_qs(query, keep_blank_values=True))]


# --- DynamoDB --------------------------------------------------------------------------------------------------------


def _of_dynamodb(operation: str, body: Json) -> Iterator[Need]:
    if operation in {"TransactWriteItems", "TransactGetItems"}:
        writes = [(f"{kind}Item", write) for item in body["TransactItems"] for kind, write in item.items()]
        together = frozenset(_partition(write) for _, write in writes)
        for action, write in writes:
            yield Need(f"dynamodb:{action}", _table(write["TableName"]), together)
    elif operation in {"BatchGetItem", "BatchWriteItem"}:
        for name, asked in body["RequestItems"].items():
            keys = asked["Keys"] if operation == "BatchGetItem" else _written(asked)
            yield Need(f"dynamodb:{operation}", _table(name), frozenset(_value(key) for key in keys))
    elif operation == "Query":
        index = f"/index/{body['IndexName']}" if "IndexName" in body else ""
        yield Need("dynamodb:Query", _table(body["TableName"]) + index, frozenset({_queried(body)}))
    else:
        keys = {_partition(body)} if {"Key", "Item"} & set(body) else set[str]()
        yield Need(f"dynamodb:{operation}", _table(body["TableName"]) if "TableName" in body else "*", frozenset(keys))


def _table(name: str) -> str:
    return f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{name}"


def _partition(one: Json) -> str:
    return _value(one.get("Key") or one["Item"])


def _value(item: Json) -> str:
    # Every table of the template has this partition key.
    return str(item["pk"]["S"])


def _written(requests: Sequence[Json]) -> Iterator[Json]:
    for request in requests:
        for one in request.values():
            yield one.get("Key") or one["Item"]


def _queried(body: Json) -> str:
    """Return the partition key of a query: the equality in its key condition, which comes first in our queries."""
    found = re.match(r"\s*#?\w+\s*=\s*(:\w+)", body["KeyConditionExpression"])
    if found is None:
        raise ValueError(f"no partition in {body['KeyConditionExpression']!r}")
    return str(body["ExpressionAttributeValues"][found[1]]["S"])


# --- S3 --------------------------------------------------------------------------------------------------------------

_OBJECT_ACTIONS = {"GET": "GetObject", "HEAD": "GetObject", "PUT": "PutObject", "POST": "PutObject",
                   "DELETE": "DeleteObject"}  # fmt: skip
_OF_OBJECTS_THEMSELVES = {"uploads", "uploadId", "partNumber", "versionId"}
_NO_SUBRESOURCE = re.compile(r"x-amz-|x-id$|response-|list-type$|prefix$|delimiter$|max-keys$", re.IGNORECASE)


def _of_s3(method: str, path: str, query: Mapping[str, Sequence[str]]) -> Need:
    bucket, _, key = path.lstrip("/").partition("/")
    other = sorted(name for name in query if not _NO_SUBRESOURCE.match(name) and name not in _OF_OBJECTS_THEMSELVES)
    if other:
        # Tags, ACLs and locks have their own actions, which must not be taken for those of the object.
        action = f"{method.title()}{'Object' if key else 'Bucket'}:{other[0]}"
    elif key:
        action = _OBJECT_ACTIONS[method]
    else:
        action = "ListBucket" if method in {"GET", "HEAD"} else f"{method.title()}Bucket"
    return Need(f"s3:{action}", f"arn:aws:s3:::{bucket}{'/' if key else ''}{key}")
