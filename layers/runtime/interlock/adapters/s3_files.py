"""Objects in the bucket: large JSON documents, and the files that callers upload."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from interlock.adapters.aws import error_code, translated
from interlock.domain.errors import NotFound
from interlock.ports import PutRequest, StoredObject

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

FETCH_TRIES = 3
PIECE_BYTES = 1024 * 1024
"""Chunk size for fetching a file, which bounds the memory used."""

_GONE = {"404", "NoSuchKey"}
"""Error codes for a missing object. A HEAD response has no body, so its code is the HTTP status."""


class S3Files:
    """`interlock.ports.ObjectStore` on one S3 bucket."""

    def __init__(self, client: S3Client, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def put(self, key: str, text: str) -> None:
        with translated("bucket"):
            self._client.put_object(Bucket=self._bucket, Key=key, Body=text.encode(), ContentType="application/json")

    def get(self, key: str) -> str:
        with translated("bucket"):
            answer = self._found(self._client.get_object, key)
            if answer is None:
                raise NotFound("The document has expired.")
            text: str = answer["Body"].read().decode()
            return text

    def download_url(self, key: str, *, expires_in_s: int) -> str:
        with translated("bucket"):
            return self._client.generate_presigned_url(
                "get_object", Params={"Bucket": self._bucket, "Key": key}, ExpiresIn=expires_in_s
            )

    def upload_request(self, key: str, content_type: str, size_bytes: int, *, expires_in_s: int) -> PutRequest:
        # Each of these becomes a signed header. With `If-None-Match: *`, S3 refuses a second write, so that an upload
        # that a job uses cannot be replaced while its URL is still valid.
        pinned = {"ContentLength": size_bytes, "ContentType": content_type, "IfNoneMatch": "*"}
        with translated("bucket"):
            url = self._client.generate_presigned_url(
                "put_object", Params={"Bucket": self._bucket, "Key": key, **pinned}, ExpiresIn=expires_in_s
            )
        headers = {"Content-Length": str(size_bytes), "Content-Type": content_type, "If-None-Match": "*"}
        return PutRequest(url, headers)

    def describe(self, key: str) -> StoredObject | None:
        with translated("bucket"):
            answer = self._found(self._client.head_object, key)
        return None if answer is None else _stored(answer)

    def fetch(self, key: str, path: Path, expected: StoredObject, stop: Callable[[], bool]) -> StoredObject | None:
        with translated("bucket"):
            for left in reversed(range(FETCH_TRIES)):
                answer = self._found(self._client.get_object, key)
                if answer is None:
                    return None
                with closing(answer["Body"]) as body:
                    if _stored(answer) != expected:
                        return _stored(answer)
                    try:
                        _write(body, path, stop)
                        break
                    except BotoCoreError:
                        # The SDK retries requests, but not a failure while the body of the response is read.
                        if not left:
                            raise
            return expected

    def _found(self, call: Callable[..., Any], key: str) -> Any:
        """Return the response, None if the object does not exist."""
        try:
            return call(Bucket=self._bucket, Key=key)
        except ClientError as error:
            if error_code(error) in _GONE:
                return None
            raise


def _stored(answer: Any) -> StoredObject:
    return StoredObject(answer["ContentLength"], answer.get("ContentType", ""))


def _write(body: Any, path: Path, stop: Callable[[], bool]) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        for piece in body.iter_chunks(PIECE_BYTES):
            if stop():
                return
            file.write(piece)
