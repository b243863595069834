"""The bucket's adapter: documents and uploads."""

import json
import os
import tracemalloc
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.httpsession import URLLib3Session
from urllib3.exceptions import ProtocolError

from interlock.adapters import aws
from interlock.adapters.s3_files import FETCH_TRIES, PIECE_BYTES, S3Files
from interlock.domain.errors import NotFound, ServiceUnavailable
from interlock.domain.upload_id import is_content_type
from interlock.jobs.documents import INLINE_LIMIT_BYTES, Documents
from interlock.ports import StoredObject
from tests.fakes.jobs import a_job
from tests.service import clients
from tests.service.clients import Interference

FIVE = StoredObject(5, "image/png")


# --- Documents in S3 ---


@pytest.fixture
def files(moto_url: str, tenant: str) -> S3Files:
    client = clients.s3(moto_url)
    client.create_bucket(Bucket=tenant)
    return S3Files(client, tenant)


def test_large_document_is_stored_in_the_bucket(files: S3Files) -> None:
    documents = Documents(files)
    value = {"text": "grün 😀" * INLINE_LIMIT_BYTES}
    stored = documents.write(a_job(), "result-1", value)
    assert stored.text is None
    assert documents.read(stored) == value


def test_deleted_object_is_not_found(files: S3Files) -> None:
    with pytest.raises(NotFound, match="expired"):
        files.get("jobs/t/j/result-1.json")


def test_presigned_url_returns_the_document_without_a_key(files: S3Files) -> None:
    text = json.dumps({"text": "x" * 100})
    files.put("jobs/t/j/result-1.json", text)
    url = files.download_url("jobs/t/j/result-1.json", expires_in_s=900)
    assert "X-Amz-Expires=900" in url
    assert "X-Amz-Signature=" in url
    answer = requests.get(url, timeout=10)
    assert (answer.status_code, answer.text) == (200, text)
    assert answer.headers["Content-Type"] == "application/json"


def test_access_denied_by_the_bucket_is_unavailable_and_no_expired_document(moto_url: str) -> None:
    with pytest.raises(ServiceUnavailable):
        S3Files(clients.s3(moto_url), "no-such-bucket").get("key")


# --- Uploads in S3 ---


def upload_of(files: S3Files, content: bytes = b"hello", declared: str = "image/png", **headers: str) -> int:
    """Send the PUT of an upload and return the status of the response."""
    request = files.upload_request(KEY, declared, len(content), expires_in_s=900)
    return requests.put(request.url, content, headers={**request.headers, **headers}, timeout=30).status_code


KEY = "uploads/acme/x"


def fetched(files: S3Files, path: Path, expected: StoredObject = FIVE) -> StoredObject | None:
    return files.fetch(KEY, path, expected, lambda: False)


def test_upload_url_signs_length_type_and_no_overwrite(files: S3Files) -> None:
    request = files.upload_request(KEY, "image/png", 5, expires_in_s=900)
    query = parse_qs(urlsplit(request.url).query)
    assert query["X-Amz-SignedHeaders"] == ["content-length;content-type;host;if-none-match"]
    assert query["X-Amz-Expires"] == ["900"]
    assert request.headers == {"Content-Length": "5", "Content-Type": "image/png", "If-None-Match": "*"}
    assert not [name for name in query if "checksum" in name.lower()]


@pytest.mark.parametrize(
    "content_type", ["text/plain; charset=utf-8", 'a/b; c="d;e"', "application/x-www-form-urlencoded"]
)
def test_every_type_that_may_be_declared_is_signed(files: S3Files, content_type: str) -> None:
    assert is_content_type(content_type)
    url = files.upload_request(KEY, content_type, 5, expires_in_s=900).url
    assert "content-type" in parse_qs(urlsplit(url).query)["X-Amz-SignedHeaders"][0]


@pytest.mark.parametrize("region", ["us-east-1", "eu-central-1"])
def test_a_presigned_url_names_the_endpoint_of_the_region(monkeypatch: pytest.MonkeyPatch, region: str) -> None:
    aws.session.cache_clear()
    for name, value in {"AWS_DEFAULT_REGION": region, "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "y"}.items():
        monkeypatch.setenv(name, value)
    request = S3Files(aws.s3(), "bucket").upload_request(KEY, "image/png", 5, expires_in_s=900)
    assert request.url.startswith(f"https://bucket.s3.{region}.amazonaws.com/{KEY}?")


def test_upload_can_be_put_described_and_fetched(files: S3Files, tmp_path: Path) -> None:
    assert files.describe(KEY) is None
    assert fetched(files, tmp_path / "file") is None
    assert upload_of(files) == 200
    assert files.describe(KEY) == FIVE
    assert fetched(files, tmp_path / "file") == FIVE
    assert (tmp_path / "file").read_bytes() == b"hello"


def test_an_upload_cannot_be_replaced(files: S3Files, tmp_path: Path) -> None:
    assert [upload_of(files), upload_of(files, b"other")] == [200, 412]
    fetched(files, tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == b"hello"


def test_failed_conditions_write_nothing(files: S3Files, tmp_path: Path) -> None:
    upload_of(files, b"x" * 1000)
    assert fetched(files, tmp_path / "file") == StoredObject(1000, "image/png")
    assert not (tmp_path / "file").exists()


def test_large_file_is_streamed_in_chunks(files: S3Files, tmp_path: Path) -> None:
    content = os.urandom(1024) * 40 * 1024
    upload_of(files, content)
    tracemalloc.start()
    try:
        files.fetch(KEY, tmp_path / "file", StoredObject(len(content), "image/png"), lambda: False)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (tmp_path / "file").read_bytes() == content
    assert peak_bytes < 6 * PIECE_BYTES < len(content) / 6


def test_download_stops_between_two_chunks(files: S3Files, tmp_path: Path) -> None:
    content = b"x" * 3 * PIECE_BYTES
    upload_of(files, content)
    answers = iter([False, True])
    files.fetch(KEY, tmp_path / "file", StoredObject(len(content), "image/png"), lambda: next(answers))
    assert (tmp_path / "file").stat().st_size == PIECE_BYTES


class BreaksOff(Interference):
    """The connection breaks off in the middle of the response."""

    def answers(self, request: AWSPreparedRequest) -> AWSResponse:
        whole = URLLib3Session().send(request)
        half = clients._Raw(whole.content[: len(whole.content) // 2])
        headers: Any = whole.headers
        return AWSResponse(whole.url, whole.status_code, headers, HalfRaw(half))


class HalfRaw:
    """A stream that raises at the interruption, as a stream of urllib3 does."""

    def __init__(self, raw: Any) -> None:
        self._pieces = raw.stream()

    def read(self, _: int | None = None) -> bytes:
        for piece in self._pieces:
            return bytes(piece)
        raise ProtocolError("Connection broken: IncompleteRead")

    def close(self) -> None:
        """There is nothing to close."""


@pytest.mark.parametrize(("times", "fine"), [(1, True), (FETCH_TRIES - 1, True), (FETCH_TRIES, False)])
def test_interrupted_download_is_restarted(files: S3Files, tmp_path: Path, times: int, fine: bool) -> None:
    upload_of(files)
    with BreaksOff(files._client, "GetObject", times) as met:
        if fine:
            assert fetched(files, tmp_path / "file") == FIVE
            assert (tmp_path / "file").read_bytes() == b"hello"
        else:
            with pytest.raises(ServiceUnavailable):
                fetched(files, tmp_path / "file")
    assert met.seen == min(times + 1, FETCH_TRIES)


def test_symbolic_link_at_the_download_path_is_not_followed(files: S3Files, tmp_path: Path) -> None:
    upload_of(files)
    (tmp_path / "file").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic links"):
        fetched(files, tmp_path / "file")
    assert not (tmp_path / "elsewhere").exists()


def test_access_denied_by_the_bucket_is_no_missing_upload(moto_url: str, tmp_path: Path) -> None:
    files = S3Files(clients.s3(moto_url), "no-such-bucket")
    with pytest.raises(ServiceUnavailable):
        fetched(files, tmp_path / "file")
