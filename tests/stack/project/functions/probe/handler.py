"""Misbehave in the way that the HTTP path, or `what` in the event, names."""

import ctypes
import json
import os
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any


def environment(_: dict[str, Any]) -> dict[str, Any]:
    modules = ("interlock", "pydantic", "requests", "extra_package", "awslambdaric", "awscrt", "OpenSSL")
    return {
        "variables": dict(os.environ),
        "path": sys.path,
        "cwd": str(Path.cwd()),
        "found": [name for name in modules if find_spec(name)],
    }


def sleep(event: dict[str, Any]) -> dict[str, Any]:
    time.sleep(event.get("seconds", 5))
    return {"pid": os.getpid()}


def get_item(event: dict[str, Any]) -> dict[str, Any]:
    import boto3
    from botocore.exceptions import ClientError

    try:
        key = {"pk": {"S": event["partition"]}, "sk": {"S": "1"}}
        boto3.client("dynamodb").get_item(TableName=os.environ["PROBE_TABLE"], Key=key)
    except ClientError as error:
        return {"code": error.response["Error"]["Code"]}
    return {"code": None}


def fail(_: dict[str, Any]) -> dict[str, Any]:
    raise LookupError("as asked for")


PROBES: dict[str, Callable[[dict[str, Any]], Any]] = {
    "crash": lambda _: os._exit(3),
    "environment": environment,
    "exit": lambda _: sys.exit(4),
    "get_item": get_item,
    "large": lambda _: {"text": "x" * 6_400_000},
    "pid": lambda _: {"pid": os.getpid()},
    "raise": fail,
    "segfault": lambda _: ctypes.string_at(0),
    "sleep": sleep,
    "touch": lambda event: Path(event["file"]).touch(),
}


def handler(event: dict[str, Any], context: Any) -> Any:
    if "pathParameters" not in event:
        return PROBES[event["what"]](event)
    asked = {"what": event["pathParameters"]["what"], **json.loads(event["body"] or "{}")}
    return {"statusCode": 200, "body": json.dumps(PROBES[asked["what"]](asked))}
