"""Clients that are configured like those of the functions but call another endpoint, and the template's table."""

import functools
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import yaml
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.config import Config
from botocore.httpsession import URLLib3Session

from interlock.adapters import aws

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_stepfunctions import SFNClient

TEMPLATE = Path(__file__).parents[2] / "template.yaml"
_SESSION = boto3.session.Session("local", "local", region_name="us-east-1")
_ONCE = Config(retries={"total_max_attempts": 1}, connect_timeout=2)


def dynamodb(url: str, *, once: bool = False) -> "DynamoDBClient":
    """Return a client of DynamoDB. With `once`, it does not retry failed calls."""
    config = aws._CONFIG.merge(_ONCE) if once else aws._CONFIG
    return _SESSION.client("dynamodb", endpoint_url=url, config=config.merge(Config(max_pool_connections=40)))


def streams(url: str) -> Any:
    """Return a client of DynamoDB's streams."""
    return _SESSION.client("dynamodbstreams", endpoint_url=url, config=aws._CONFIG)


def s3(url: str, *, once: bool = False) -> "S3Client":
    return _SESSION.client("s3", endpoint_url=url, config=aws._FILES_CONFIG.merge(_ONCE) if once else aws._FILES_CONFIG)


def stepfunctions(url: str, *, once: bool = False) -> "SFNClient":
    return _SESSION.client("stepfunctions", endpoint_url=url, config=aws._CONFIG.merge(_ONCE) if once else aws._CONFIG)


class _Tags(yaml.SafeLoader):
    """A YAML loader that reads short forms of intrinsic functions as plain values."""


def _plain(loader: yaml.SafeLoader, _: str, node: yaml.Node) -> Any:
    return loader.construct_scalar(node) if isinstance(node, yaml.ScalarNode) else None


_Tags.add_multi_constructor("!", _plain)


def create_table(client: "DynamoDBClient", name: str) -> None:
    """Create the template's table, whose name no other test uses."""
    with suppress(client.exceptions.ResourceInUseException):  # an SDK retry of this request, because it took long
        client.create_table(TableName=name, **_definition())


@functools.cache
def _definition() -> dict[str, Any]:
    properties = yaml.load(TEMPLATE.read_text(), _Tags)["Resources"]["StateTable"]["Properties"]
    wanted = ("AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "BillingMode")
    stream = {"StreamEnabled": True, **properties["StreamSpecification"]}
    return {**{field: properties[field] for field in wanted}, "StreamSpecification": stream}


class _Raw:
    """The body of a response that was not received over a connection."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def stream(self) -> Any:
        yield self._content


def answer(request: AWSPreparedRequest, status: int, content: bytes = b"") -> AWSResponse:
    headers: Any = {"content-type": "application/x-amz-json-1.0"}
    return AWSResponse(request.url, status, headers, _Raw(content))


class Interference:
    """Intercepts calls of an operation between a client and its service. `times` is how many more it intercepts."""

    def __init__(self, client: Any, operation: str, times: int = 1) -> None:
        self._events = client.meta.events
        self._event = f"before-send.{client.meta.service_model.service_id.hyphenize()}.{operation}"
        self.times = times
        self.seen = 0
        self._events.register(self._event, self._meet)

    def _meet(self, request: AWSPreparedRequest, **_: Any) -> AWSResponse | None:
        self.seen += 1
        if self.times <= 0:
            return None
        self.times -= 1
        return self.answers(request)

    def answers(self, request: AWSPreparedRequest) -> AWSResponse:
        raise NotImplementedError

    def __enter__(self) -> "Interference":
        return self

    def __exit__(self, *_: object) -> None:
        self._events.unregister(self._event, self._meet)


class LosesAnswer(Interference):
    """The call arrives and is carried out; its answer is lost. The SDK tries again."""

    def answers(self, request: AWSPreparedRequest) -> AWSResponse:
        URLLib3Session().send(request)
        return answer(request, 500)


class Refuses(Interference):
    """The service refuses the call with this answer."""

    def __init__(self, client: Any, operation: str, times: int, content: bytes, status: int = 400) -> None:
        super().__init__(client, operation, times)
        self._content, self._status = content, status

    def answers(self, request: AWSPreparedRequest) -> AWSResponse:
        return answer(request, self._status, self._content)
