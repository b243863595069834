"""moto's DynamoDB, S3 and Step Functions in a process of their own, which reports the requests to DynamoDB.

`GET /bench/requests` returns the requests since the last such call: `{"operation", "read_units", "write_units"}`. Units
are counted after `GET /bench/count`, since it costs time.
"""

import io
import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from tests.service import moto_server
from tests.service.moto_server import Wsgi
from werkzeug.test import Client

from bench.units import Units

SIGNED = "AWS4-HMAC-SHA256 Credential=bench/20260101/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0"


class CountsRequests:
    """WSGI middleware that records the requests to DynamoDB."""

    def __init__(self, app: Wsgi) -> None:
        self._app = app
        self._client = Client(app)
        self._units = Units(self._call)
        self._seen: list[dict[str, Any]] = []
        self._counts = False

    def _call(self, operation: str, request: Mapping[str, Any]) -> Mapping[str, Any]:
        answer = self._client.post(
            "/",
            data=json.dumps(request),
            headers={
                "X-Amz-Target": f"DynamoDB_20120810.{operation}",
                "Content-Type": "application/x-amz-json-1.0",
                "Authorization": SIGNED,
            },
        )
        if answer.status_code != 200:
            raise RuntimeError(f"{operation}: {answer.text}")
        found: Mapping[str, Any] = json.loads(answer.data)
        return found

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ["PATH_INFO"].startswith("/bench/"):
            return self._report(environ["PATH_INFO"], start_response)
        target = environ.get("HTTP_X_AMZ_TARGET", "")
        if not target.startswith("DynamoDB_"):
            return self._app(environ, start_response)
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(body)
        entry: dict[str, Any] = {"operation": target.rpartition(".")[2], "read_units": 0, "write_units": 0}
        answer: list[bytes] = []
        if not self._counts:
            answer.extend(self._app(environ, start_response))
        else:
            entry["read_units"], entry["write_units"] = self._units.of(
                entry["operation"], json.loads(body), lambda: answer.extend(self._app(environ, start_response))
            )
        self._seen.append(entry)
        return answer

    def _report(self, path: str, start_response: Callable[..., Any]) -> Iterable[bytes]:
        self._counts = self._counts or path == "/bench/count"
        seen, self._seen = self._seen, []
        start_response("200 OK", [("Content-Type", "application/json")])
        return [json.dumps(seen).encode()]


if __name__ == "__main__":
    moto_server.serve(CountsRequests)
