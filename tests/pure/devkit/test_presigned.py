"""A presigned URL allows only the request that it was signed for."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.config import Config

from interlock_dev.aws.iam.signatures import PRINCIPAL, Signatures
from interlock_dev.project.access_keys import OWNER, AccessKey

HEADERS = {"Content-Length": "5", "Content-Type": "image/png", "If-None-Match": "*"}
KEY = "uploads/acme/a b+ü~%2F_-x"


def presigned(method: str = "put_object", secret: str = "secret", **params: Any) -> str:
    client = boto3.client(
        "s3",
        endpoint_url="http://127.0.0.1:1234",
        region_name="eu-central-1",
        aws_access_key_id="key",
        aws_secret_access_key=secret,
        aws_session_token="token",
        config=Config(signature_version="s3v4"),
    )
    return client.generate_presigned_url(method, Params={"Bucket": "bucket", "Key": KEY, **params}, ExpiresIn=900)


@pytest.fixture
def put() -> str:
    return presigned(ContentLength=5, ContentType="image/png", IfNoneMatch="*")


def send(url: str, method: str = "PUT", headers: dict[str, str] = HEADERS) -> tuple[str, bytes]:
    """Send a request and return the status and body of the response."""
    app = Signatures(_app, {OWNER: AccessKey("key", "secret")})
    parts = urlsplit(url)
    environ: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "RAW_URI": f"{parts.path}?{parts.query}",
        "QUERY_STRING": parts.query,
        "HTTP_HOST": parts.netloc,
    }
    for name, value in headers.items():
        variable = name.upper().replace("-", "_")
        environ[variable if variable.startswith("CONTENT_") else f"HTTP_{variable}"] = value
    statuses: list[str] = []

    def start_response(status: str, _: list[tuple[str, str]]) -> None:
        statuses.append(status)

    body = b"".join(app(environ, start_response))
    return statuses[0], body


def _app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    assert environ[PRINCIPAL] == OWNER
    start_response("200 OK", [])
    return [b"passed"]


def test_signed_requests_pass(put: str) -> None:
    assert send(put) == ("200 OK", b"passed")
    assert send(put, headers={**HEADERS, "User-Agent": "curl", "Accept": "*/*"})[0] == "200 OK"
    assert send(presigned("get_object"), "GET", {})[0] == "200 OK"


@pytest.mark.parametrize(
    "headers",
    [
        {**HEADERS, "Content-Length": "6"},
        {**HEADERS, "Content-Length": "4"},
        {**HEADERS, "Content-Type": "text/html"},
        {**HEADERS, "Content-Type": "image/png; charset=utf-8"},
        {**HEADERS, "If-None-Match": '"etag"'},
        *({name: HEADERS[name] for name in HEADERS if name != missing} for missing in HEADERS),
    ],
)
def test_changed_headers_are_refused(put: str, headers: dict[str, str]) -> None:
    status, body = send(put, headers=headers)
    assert status == "403 Forbidden"
    assert b"<Code>SignatureDoesNotMatch</Code>" in body


@pytest.mark.parametrize(
    "header",
    [
        # With these headers, S3 would copy another object, or make the object public.
        {"x-amz-copy-source": "/bucket/jobs/other/result-1.json"},
        {"X-Amz-Acl": "public-read"},
        # With this header, the local AWS would run the body as a call to another service, as the signer of the URL.
        {"X-Amz-Target": "DynamoDB_20120810.GetItem"},
    ],
)
def test_unsigned_headers_of_aws_are_refused(put: str, header: dict[str, str]) -> None:
    status, body = send(put, headers={**HEADERS, **header})
    assert status in {"400 Bad Request", "403 Forbidden"}
    assert b"headers present in the request which were not signed" in body


def test_signed_headers_of_aws_pass() -> None:
    url = presigned(ContentLength=5, ACL="private", Metadata={"a": "b"})
    headers = {"Content-Length": "5", "x-amz-acl": "private", "X-Amz-Meta-A": "b"}
    assert send(url, headers=headers)[0] == "200 OK"


@pytest.mark.parametrize(
    ("what", "change"),
    [
        ("method", lambda url: (url, "GET")),
        ("object", lambda url: (url.replace("/uploads/acme/", "/uploads/other/"), "PUT")),
        ("bucket", lambda url: (url.replace("/bucket/", "/other/"), "PUT")),
        ("host", lambda url: (url.replace("127.0.0.1", "localhost"), "PUT")),
        ("lifetime", lambda url: (url.replace("X-Amz-Expires=900", "X-Amz-Expires=9000"), "PUT")),
        ("headers", lambda url: (url.replace("content-length%3B", ""), "PUT")),
        ("token", lambda url: (url.replace("Token=token", "Token=tokem"), "PUT")),
        ("signature", lambda url: (url[:-1] + ("0" if url[-1] != "0" else "1"), "PUT")),
    ],
)
def test_changed_urls_are_refused(put: str, what: str, change: Callable[[str], tuple[str, str]]) -> None:
    assert send(*change(put))[0] == "403 Forbidden", what


def test_other_access_keys_are_refused() -> None:
    assert send(presigned(secret="another", ContentLength=5))[0] == "403 Forbidden"
    status, body = send(presigned().replace("Credential=key", "Credential=other"))
    assert (status, b"InvalidAccessKeyId" in body) == ("403 Forbidden", True)


def test_expired_url_is_refused(put: str, monkeypatch: pytest.MonkeyPatch) -> None:
    class Later(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> "Later":
            return cls.fromtimestamp((datetime.now(UTC) + timedelta(seconds=901)).timestamp(), tz)

    monkeypatch.setattr("interlock_dev.aws.iam.signatures.datetime", Later)
    status, body = send(put)
    assert (status, b"Request has expired" in body) == ("403 Forbidden", True)


@pytest.mark.parametrize("query", ["X-Amz-Signature=x", "X-Amz-Signature=x&X-Amz-Credential=a", "X-Amz-Signature="])
def test_incomplete_parameters_are_refused(query: str) -> None:
    assert send(f"http://127.0.0.1:1234/bucket/key?{query}")[0] == "403 Forbidden"


def test_missing_parameters_are_named() -> None:
    status, body = send("http://127.0.0.1:1234/bucket/key?X-Amz-Signature=x&X-Amz-Credential=key")
    assert (status, b"AuthorizationQueryParametersError" in body) == ("403 Forbidden", True)


@pytest.mark.parametrize("headers", [{}, {"X-Amz-Target": "DynamoDB_20120810.Scan"}, {"Authorization": "none"}])
def test_preflight_is_answered_without_a_call(headers: dict[str, str]) -> None:
    """Browsers do not sign preflight requests, and moto would run the call that the headers and the body describe."""
    origin = {"Origin": "https://example.com", "Access-Control-Request-Method": "PUT"}
    assert send("http://127.0.0.1:1234/", "OPTIONS", {**origin, **headers}) == ("200 OK", b"")


def test_request_without_a_signature_is_refused() -> None:
    status, body = send("http://127.0.0.1:1234/bucket/key?list-type=2", "GET", {})
    assert (status, b"<Code>AccessDenied</Code>" in body) == ("403 Forbidden", True)
