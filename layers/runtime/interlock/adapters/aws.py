"""Create botocore clients, and translate their errors."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, partial
from threading import Lock
from typing import TYPE_CHECKING, Any, cast

import botocore
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.session import Session

import interlock
from interlock.domain.errors import ServiceUnavailable

if TYPE_CHECKING:
    from botocore.client import BaseClient
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
    # Without this text, the SDK composes one twice for every request, which takes a fifth of its time.
    user_agent=f"interlock/{interlock.__version__} Botocore/{botocore.__version__}",
)
_FILES_CONFIG = _CONFIG.merge(Config(read_timeout=15, signature_version="s3v4"))
_REGIONAL_CONFIG = _FILES_CONFIG.merge(
    Config(s3={"addressing_style": "virtual", "us_east_1_regional_endpoint": "regional"})
)


@cache
def session() -> Session:
    """Return the SDK's session of this process, with its credentials and the descriptions of services."""
    return Session()


def renew_session() -> None:
    """Give clients that are created from now on new credentials and connections.

    The descriptions of services are kept, because reading them takes 85 ms.
    """
    loader = session().get_component("data_loader")
    session.cache_clear()
    session().register_component("data_loader", loader)


class _Deferred:
    """A client that is created at its first use: most requests need no bucket and no workflow.

    Creating a client takes 10 to 50 ms.
    """

    def __init__(self, service: str, config: Config) -> None:
        self._create = partial(session().create_client, service, config=config)
        self._lock = Lock()

    def __getattr__(self, name: str) -> Any:
        with self._lock:
            if "_client" not in self.__dict__:
                self._client = self._create()
        value = getattr(self._client, name)
        setattr(self, name, value)
        return value


def dynamodb() -> DynamoDBClient:
    return cast("DynamoDBClient", session().create_client("dynamodb", config=_CONFIG))


def stepfunctions() -> SFNClient:
    return cast("SFNClient", _Deferred("stepfunctions", _CONFIG))


def s3() -> S3Client:
    # A presigned URL must use the endpoint of the region. The SDK would use the global endpoint, which redirects
    # requests for a new bucket to another host, where the signature is not valid. Only AWS has a host for each bucket.
    config = _FILES_CONFIG if "AWS_ENDPOINT_URL" in os.environ else _REGIONAL_CONFIG
    return cast("S3Client", _Deferred("s3", config))


def client(service: str) -> BaseClient:
    """Create a client of any other service."""
    return session().create_client(service, config=_CONFIG)


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
    """Return why a transaction was cancelled: one reason for each write, in order."""
    found: list[dict[str, Any]] = error.response.get("CancellationReasons", [])  # type: ignore[assignment]
    return found
