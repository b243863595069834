"""botocore clients, and its errors as ours."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from interlock.domain.errors import ServiceUnavailable

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_stepfunctions import SFNClient

# A request must not outlive its lease or its gateway: three tries, each short.
_CONFIG = Config(
    connect_timeout=2,
    read_timeout=5,
    retries={"mode": "standard", "total_max_attempts": 3},
    parameter_validation=False,
    tcp_keepalive=True,
)
_FILES_CONFIG = _CONFIG.merge(Config(read_timeout=15, signature_version="s3v4"))
_REGIONAL_CONFIG = _FILES_CONFIG.merge(
    Config(s3={"addressing_style": "virtual", "us_east_1_regional_endpoint": "regional"})
)


def dynamodb() -> DynamoDBClient:
    return boto3.client("dynamodb", config=_CONFIG)


def stepfunctions() -> SFNClient:
    return boto3.client("stepfunctions", config=_CONFIG)


def s3() -> S3Client:
    # A presigned URL has to name the region's own endpoint: for a young bucket the global one, which the SDK would
    # name, redirects, and the signature is then one for another host. Only AWS has a host for each bucket.
    return boto3.client("s3", config=_FILES_CONFIG if "AWS_ENDPOINT_URL" in os.environ else _REGIONAL_CONFIG)


def error_code(error: ClientError) -> str:
    return error.response.get("Error", {}).get("Code", "")


@contextmanager
def translated(service: str) -> Iterator[None]:
    """Translate errors that botocore raises after its retries into `ServiceUnavailable`.

    Callers handle the error codes that they expect inside the block."""
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise ServiceUnavailable(service=service) from error


def reasons(error: ClientError) -> list[dict[str, Any]]:
    """Why a transaction was cancelled: one reason for each of its writes, in their order."""
    found: list[dict[str, Any]] = error.response.get("CancellationReasons", [])  # type: ignore[assignment]
    return found
