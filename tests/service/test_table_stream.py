"""The stream of a moto table with several readers: each gets every record in order, and read records are removed."""

import threading

import boto3
from moto import mock_aws
from moto.dynamodb.models import dynamodb_backends

from interlock_dev.aws.dynamodb.stream import TableStream

ALL = 1_000_000


def test_each_reader_gets_every_record_once() -> None:
    with mock_aws():
        client = boto3.client("dynamodb", "us-east-1", aws_access_key_id="x", aws_secret_access_key="y")
        client.create_table(
            TableName="jobs",
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
        )

        def write(*names: str) -> None:
            for name in names:
                client.put_item(TableName="jobs", Item={"pk": {"S": name}})

        stream = TableStream("jobs", threading.Lock())
        first, second = stream.reader(), stream.reader()

        def names(take: object, limit: int = 10) -> list[str]:
            _, records = take(limit, ALL)  # type: ignore[operator]
            return [record["dynamodb"]["Keys"]["pk"]["S"] for record in records]

        write("a", "b", "c")
        assert names(first) == ["a", "b", "c"]
        assert (names(second, 2), names(first)) == (["a", "b"], [])
        write("d")
        assert (names(second), names(first), names(second)) == (["c", "d"], ["d"], [])
        write("e")
        _, records = first(10, ALL)
        number = int(records[0]["dynamodb"]["SequenceNumber"])
        _, again = second(10, ALL)
        assert int(again[0]["dynamodb"]["SequenceNumber"]) == number
        [backend] = [one for _, _, one in dynamodb_backends.iter_backends() if "jobs" in one.tables]
        assert backend.tables["jobs"].stream_shard.items == []
