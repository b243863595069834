"""A table and buckets that outlive any process under test: moto's server, in a process of its own.

moto's DynamoDB is not safe for threads, so it answers one request at a time. After each write, before the next request,
its ledger is shown the job: so it has the complete history of the table, whoever wrote it.
"""

import io
import json
import os
import pickle
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import yaml

from tests.faults.ledger import Ledger
from tests.faults.system import ROOT, client

LEDGERS = "/ledgers/"
_OF_A_TABLE = ("AttributeDefinitions", "BillingMode", "GlobalSecondaryIndexes", "KeySchema")


class Backend:
    """The server as the tests see it. It has as many tables as are made, each with its ledger."""

    def __init__(self) -> None:
        # It ends when its standard input does. What it does is not to be measured.
        env = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
        command = [sys.executable, "-m", "tests.faults.backend"]
        self._process = subprocess.Popen(
            command, cwd=ROOT, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        self.url = self._process.stdout.readline().strip()
        self._definition = _table_of_the_template()
        self._tables = 0

    def new_table(self, record: Path) -> str:
        """An empty table as the template has it, and a bucket of the same name. `record` is where the plugin tells of
        its runs."""
        self._tables += 1
        name = f"table-{self._tables}"
        client("dynamodb", self.url).create_table(TableName=name, **self._definition)
        client("s3", self.url).create_bucket(Bucket=name)
        urllib.request.urlopen(f"{self.url}{LEDGERS}{name}", str(record).encode()).close()
        return name

    def ledger(self, table: str) -> Ledger:
        """What went on in the table until now."""
        with urllib.request.urlopen(f"{self.url}{LEDGERS}{table}") as answer:
            ledger: Ledger = pickle.load(answer)
        return ledger

    def drop_table(self, name: str) -> None:
        client("dynamodb", self.url).delete_table(TableName=name)

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()


def _table_of_the_template() -> dict[str, Any]:
    class Loader(yaml.SafeLoader):
        """Reads CloudFormation's tags as what they stand on."""

    def value(loader: yaml.SafeLoader, _suffix: str, node: yaml.Node) -> Any:
        if isinstance(node, yaml.ScalarNode):
            return loader.construct_scalar(node)
        if isinstance(node, yaml.SequenceNode):
            return loader.construct_sequence(node)
        assert isinstance(node, yaml.MappingNode)
        return loader.construct_mapping(node)

    Loader.add_multi_constructor("!", value)
    document = yaml.load((ROOT / "template.yaml").read_text(), Loader)
    properties = document["Resources"]["Table"]["Properties"]
    return {name: properties[name] for name in _OF_A_TABLE}


# --- In the server's process -----------------------------------------------------------------------------------------


class _Watched:
    """WSGI: DynamoDB one request at a time, each write shown to the ledger of its table; all else side by side."""

    def __init__(self, dynamodb: Any, others: Any, read_job: Callable[[str, Any], Any]) -> None:
        self._dynamodb = dynamodb
        self._others = others
        self._read_job = read_job
        self._lock = threading.Lock()
        self._ledgers: dict[str, Ledger] = {}

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        service, _, operation = environ.get("HTTP_X_AMZ_TARGET", "").partition(".")
        if environ["PATH_INFO"].startswith(LEDGERS):
            start_response("200 OK", [])
            return [self._ledger(environ["PATH_INFO"].removeprefix(LEDGERS), _body(environ))]
        if not service.startswith("DynamoDB_"):
            answer: Iterable[bytes] = self._others(environ, start_response)
            return answer
        body = _body(environ)
        environ["wsgi.input"] = io.BytesIO(body)
        with self._lock:
            parts = list(self._dynamodb(environ, start_response))
            for table, key in _written(operation, json.loads(body)):
                if table in self._ledgers and key["pk"]["S"].startswith("JOB#"):
                    job = self._read_job(table, key)
                    if job is not None:
                        self._ledgers[table](job)
        return parts

    def _ledger(self, table: str, record: bytes) -> bytes:
        with self._lock:
            if record:
                self._ledgers[table] = Ledger(Path(record.decode()))
            return pickle.dumps(self._ledgers[table])


def _body(environ: dict[str, Any]) -> bytes:
    body: bytes = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    return body


def _written(operation: str, request: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The tables and keys that a request may have written."""
    match operation:
        case "PutItem" | "UpdateItem" | "DeleteItem":
            writes = [request]
        case "TransactWriteItems":
            writes = [write for item in request["TransactItems"] for write in item.values()]
        case _:
            writes = []
    for write in writes:
        yield write["TableName"], write.get("Key") or {name: write["Item"][name] for name in ("pk", "sk")}


def main() -> None:
    from boto3.dynamodb.types import TypeDeserializer
    from moto.core import DEFAULT_ACCOUNT_ID
    from moto.dynamodb.models import dynamodb_backends
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
    from werkzeug.serving import make_server

    from interlock.adapters.dynamo_items import job_from_item
    from tests.faults.system import REGION

    class Quiet(MotoRequestHandler):  # type: ignore[misc]  # moto has no types
        disable_nagle_algorithm = True

        def log(self, *_: object) -> None:
            """No line for each request."""

    from_value = TypeDeserializer().deserialize

    def read_job(table: str, key: Any) -> Any:
        item = dynamodb_backends[DEFAULT_ACCOUNT_ID][REGION].get_item(table, key)
        if item is None:
            return None
        return job_from_item({name: from_value(value) for name, value in item.to_json()["Attributes"].items()})

    app = _Watched(create_backend_app("dynamodb"), DomainDispatcherApplication(create_backend_app), read_job)
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
