"""A table and a bucket that outlive any process under test: moto's server, in a separate process.

It answers one request to a table at a time. After each write, before the next request, the job is recorded in the
table's ledger, which therefore has the complete history of all writers.
"""

import io
import itertools
import json
import pickle
import threading
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.exhaustive.ledger import Ledger
from tests.exhaustive.system import BUCKET, client
from tests.service import clients, moto_server
from tests.service.moto_server import Wsgi

LEDGERS = "/ledgers/"


class Backend:
    """A client of the server. Each table has a ledger."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._names = (f"table-{number}" for number in itertools.count())
        client("s3", url).create_bucket(Bucket=BUCKET)

    def new_table(self, record: Path) -> str:
        """Create an empty table as in the template. The plugin records its runs in `record`."""
        name = next(self._names)
        clients.create_table(client("dynamodb", self.url), name)
        urllib.request.urlopen(f"{self.url}{LEDGERS}{name}", str(record).encode()).close()
        return name

    def ledger(self, table: str) -> Ledger:
        """Return the history of a table so far."""
        with urllib.request.urlopen(f"{self.url}{LEDGERS}{table}") as answer:
            ledger: Ledger = pickle.load(answer)
        return ledger


@contextmanager
def running() -> Iterator[Backend]:
    with moto_server.running("tests.exhaustive.backend") as url:
        yield Backend(url)


# --- In the server's process -----------------------------------------------------------------------------------------


class _Watched:
    """WSGI middleware that records each written job in the ledger of its table."""

    def __init__(self, app: Wsgi) -> None:
        self._app = app
        self._lock = threading.Lock()
        self._ledgers: dict[str, Ledger] = {}

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        service, _, operation = environ.get("HTTP_X_AMZ_TARGET", "").partition(".")
        if environ["PATH_INFO"].startswith(LEDGERS):
            start_response("200 OK", [])
            return [self._ledger(environ["PATH_INFO"].removeprefix(LEDGERS), _body(environ))]
        if not service.startswith("DynamoDB_"):
            return self._app(environ, start_response)
        body = _body(environ)
        environ["wsgi.input"] = io.BytesIO(body)
        with self._lock:
            parts = list(self._app(environ, start_response))
            for table, key in _written(operation, json.loads(body)):
                if table in self._ledgers and key["pk"]["S"].startswith("JOB#"):
                    job = _read_job(table, key)
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
    """Yield the tables and keys that a request may have written."""
    match operation:
        case "PutItem" | "UpdateItem" | "DeleteItem":
            writes = [request]
        case "TransactWriteItems":
            writes = [write for item in request["TransactItems"] for write in item.values()]
        case _:
            writes = []
    for write in writes:
        yield write["TableName"], write.get("Key") or {name: write["Item"][name] for name in ("pk", "sk")}


def _read_job(table: str, key: dict[str, Any]) -> Any:
    from moto.core import DEFAULT_ACCOUNT_ID
    from moto.dynamodb.models import dynamodb_backends

    from interlock.adapters.dynamo.attributes import deserialized
    from interlock.adapters.dynamo.values import job_from_item
    from tests.exhaustive.system import REGION

    item = dynamodb_backends[DEFAULT_ACCOUNT_ID][REGION].get_item(table, key)
    return None if item is None else job_from_item(deserialized(item.to_json()["Attributes"]))


if __name__ == "__main__":
    moto_server.serve(_Watched)
