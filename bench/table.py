"""The table server of a run of the bench, with the tables of Interlock and of the peers."""

import json
import urllib.request
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import batched
from typing import Any

import boto3
from tests.service import dynamodb_local, moto_server

from bench.items import Item
from interlock_dev.project.template import REGION, Resource

_OF_A_TABLE = ("AttributeDefinitions", "BillingMode", "GlobalSecondaryIndexes", "KeySchema", "StreamSpecification")


@dataclass(frozen=True, slots=True)
class Request:
    """A request to DynamoDB, with its units if they were counted."""

    operation: str
    read_units: float
    write_units: float


class TableServer:
    """A server of DynamoDB. Only moto's server counts requests, and has S3 and Step Functions."""

    def __init__(self, url: str, *, has_all: bool = True) -> None:
        self.url = url
        self.has_all = has_all
        session = boto3.session.Session("bench", "bench", region_name=REGION)
        self.dynamodb = session.client("dynamodb", endpoint_url=url)
        self._session = session

    def create(self, table: Resource, name: str | None = None) -> None:
        """Create the template's table, or one with another name."""
        properties: dict[str, Any] = {name: table.properties[name] for name in _OF_A_TABLE if name in table.properties}
        if stream := properties.get("StreamSpecification"):
            properties["StreamSpecification"] = {"StreamEnabled": True, **stream}
        self.dynamodb.create_table(TableName=name or table.name, **properties)

    def fill(self, table: str, items: Iterable[Item]) -> None:
        """Put items into a table."""
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(partial(self._put, table), batched(items, 25, strict=False)))

    def _put(self, table: str, items: Sequence[Item]) -> None:
        left: Mapping[str, Any] = {table: [{"PutRequest": {"Item": item}} for item in items]}
        while left:
            left = self.dynamodb.batch_write_item(RequestItems=left)["UnprocessedItems"]

    def create_for_peers(self) -> None:
        """Create the table of the peers."""
        self.dynamodb.create_table(
            TableName="peers",
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        )

    def create_bucket(self, name: str) -> None:
        self._session.client("s3", endpoint_url=self.url).create_bucket(Bucket=name)

    def create_workflow(self, name: str) -> None:
        """Create a state machine that does nothing: the bench runs the workflow's task itself."""
        definition = {"StartAt": "End", "States": {"End": {"Type": "Succeed"}}}
        self._session.client("stepfunctions", endpoint_url=self.url).create_state_machine(
            name=name, definition=json.dumps(definition), roleArn="arn:aws:iam::123456789012:role/bench"
        )

    def count_units(self) -> None:
        """Count the units of each request from now on."""
        self._get("count")

    def requests(self) -> list[Request]:
        """Return the requests since the last call."""
        return [Request(**one) for one in self._get("requests")]

    def _get(self, name: str) -> Any:
        with urllib.request.urlopen(f"{self.url}/bench/{name}") as answer:  # noqa: S310 - our own server
            return json.load(answer)


@contextmanager
def moto() -> Iterator[TableServer]:
    """Run moto's server."""
    with moto_server.running("bench.table_server") as url:
        yield TableServer(url)


@contextmanager
def local() -> Iterator[TableServer]:
    """Run DynamoDB Local, which has real indexes, while moto reads all items for a query. Needs Java and npm."""
    with dynamodb_local.running() as url:
        yield TableServer(url, has_all=False)
