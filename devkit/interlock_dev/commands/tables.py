"""The table of a stack: of the running local one, or of a deployed one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

from interlock.domain.errors import ServiceUnavailable
from interlock_dev.commands.exits import CommandFailed, Exit
from interlock_dev.commands.remote.deployed import CONFIG, aws_errors, client, output
from interlock_dev.project.paths import Project

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


@contextmanager
def open_table(stack: str | None, port: int | None) -> Iterator[tuple[DynamoDBClient, str]]:
    """Open a client of DynamoDB, and yield it with the name of the table.

    A deployed stack is read with the credentials and region that the AWS SDK finds. Without `stack`, the table is that
    of the running local stack; `port` selects one of several. Errors of AWS in the body of the context become
    `UsageError`.
    """
    with aws_errors():
        yield (client("dynamodb"), output(stack, "TableName")) if stack else _local(port)


@contextmanager
def table_errors() -> Iterator[None]:
    """Raise `CommandFailed` if the table cannot be used, which the adapters report as `ServiceUnavailable`."""
    try:
        yield
    except ServiceUnavailable as error:
        reason = " ".join(str(error.__cause__).split())
        raise CommandFailed(f"the table cannot be used: {reason}", Exit.UNREACHABLE) from error


def _local(port: int | None) -> tuple[DynamoDBClient, str]:
    running = Project.find(Path.cwd()).running(port)
    if running is None:
        where = "" if port is None else f" on port {port}"
        raise CommandFailed(
            f"no local stack runs{where}: start one with `interlock dev`, or name a deployed one with --stack",
            Exit.UNREACHABLE,
        )
    dynamodb = boto3.client(
        "dynamodb",
        endpoint_url=running.aws_endpoint_url,
        aws_access_key_id=running.access_key.id,
        aws_secret_access_key=running.access_key.secret,
        region_name="us-east-1",
        config=CONFIG.merge(Config(proxies={})),
    )
    return dynamodb, running.table
