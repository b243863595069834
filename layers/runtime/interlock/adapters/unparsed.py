"""Parse the responses of DynamoDB queries with `json` instead of botocore's parser.

botocore's parser takes 7 µs for a small item, Python's `json` half a microsecond. Both return items in DynamoDB's own
form, except that `json` does not decode bytes.
"""

from __future__ import annotations

import json
import threading
from collections.abc import MutableMapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

PAGES_KEPT = 4
"""Number of cached pages of up to 1 MB. Equal responses are parsed once, and return the same objects."""


class UnparsedQueries:
    """A context in which the queries of a client in this thread are parsed by `json` instead of botocore."""

    def __init__(self, client: DynamoDBClient) -> None:
        self._client = client
        self._registered = False
        self._thread = threading.local()

    def __enter__(self) -> None:
        if not self._registered:
            self._client.meta.events.register("before-parse.dynamodb.Query", self._parse)
            self._registered = True
        self._thread.active = True

    def __exit__(self, *_: object) -> None:
        self._thread.active = False

    def _parse(
        self, response_dict: MutableMapping[str, Any], customized_response_dict: MutableMapping[str, Any], **_: Any
    ) -> None:
        if getattr(self._thread, "active", False) and response_dict["status_code"] == 200:
            customized_response_dict.update(_parsed(response_dict["body"]))
            response_dict["body"] = b"{}"


@lru_cache(maxsize=PAGES_KEPT)
def _parsed(body: bytes) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(body)
    return answer
