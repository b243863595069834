"""Only links of the service are fetched: a tool may return an object that looks like one."""

import pytest

from interlock_client.errors import TransferFailed
from interlock_client.links import download_url
from interlock_client.options import RunOptions
from interlock_client.steps import Response
from tests.pure.client.script import OPERATIONS, answer, play

PRESIGNED = "https://bucket.s3.eu-central-1.amazonaws.com/r?X-Amz-Signature=a"


def link(url: object) -> dict[str, object]:
    """Return a result with the fields of a link."""
    return {"download_url": url, "size": 3, "expires_at": "2026-01-01T00:00:00.000Z"}


def test_large_result_is_downloaded() -> None:
    finished = answer(200, {"result": link(PRESIGNED), "error": None})
    played = play(OPERATIONS.run("files", {}, RunOptions()), finished, answer(200, {"text": "long"}))
    assert played.calls[1:] == [f"GET {PRESIGNED}"]
    assert played.result == {"text": "long"}


def test_result_that_the_bucket_refuses_is_reported() -> None:
    finished = answer(200, {"result": link(PRESIGNED)})
    with pytest.raises(TransferFailed, match="download with status 403"):
        play(OPERATIONS.run("files", {}, RunOptions()), finished, Response(403, {}, b"<Error/>"))


@pytest.mark.parametrize(
    "url",
    [
        "/v1/jobs?X-Amz-Signature=a",
        "//api.example.com/v1/jobs?X-Amz-Signature=a",
        "http://169.254.169.254/latest/meta-data?X-Amz-Signature=a",
        "http://127.0.0.1:8080/admin?X-Amz-Signature=a",
        "https://internal.example.com/?X-Amz-Signature=a",
        "https://internal-app.us-east-1.elb.amazonaws.com/?X-Amz-Signature=a",
        "https://bucket.s3.amazonaws.com.example.com/r?X-Amz-Signature=a",
        "https://bucket.s3.amazonaws.com@example.com/r?X-Amz-Signature=a",
        "https://me@bucket.s3.amazonaws.com/r?X-Amz-Signature=a",
        "https://bucket.s3.amazonaws.com:8443/r?X-Amz-Signature=a",
        "http://bucket.s3.amazonaws.com/r?X-Amz-Signature=a",
        "https://bucket.s3.amazonaws.com/r",
        "https://bucket.s3.amazonaws.com:many/r?X-Amz-Signature=a",
        "https://[::1/r?X-Amz-Signature=a",
        7,
    ],
)
def test_result_of_a_tool_that_looks_like_a_link_is_not_fetched(url: object) -> None:
    played = play(OPERATIONS.run("files", {}, RunOptions()), answer(200, {"result": link(url)}))
    assert (len(played.calls), played.result) == (1, link(url))


@pytest.mark.parametrize(
    ("url", "service"),
    [
        ("https://s3.eu-central-1.amazonaws.com/bucket/r?X-Amz-Signature=a", "https://api.example.com"),
        ("https://bucket.s3.dualstack.us-east-1.amazonaws.com/r?X-Amz-Signature=a", "https://api.example.com"),
        ("https://bucket.s3.cn-north-1.amazonaws.com.cn/r?X-Amz-Signature=a", "https://api.example.com"),
        ("http://127.0.0.1:4000/bucket/r?X-Amz-Signature=a", "http://localhost:3000"),
    ],
)
def test_presigned_urls_of_the_bucket_are_links(url: str, service: str) -> None:
    assert download_url(link(url), service) == url
