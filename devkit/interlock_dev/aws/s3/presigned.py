"""Presigned URLs of S3, verified as AWS does: a URL is valid for the method, object, headers and time that were signed.

https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
"""

import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

SIGNATURE = "X-Amz-Signature"
_TIME = "%Y%m%dT%H%M%SZ"


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a request is refused: AWS's error code and message."""

    code: str
    message: str


def query_values(environ: Mapping[str, Any]) -> dict[str, str]:
    """Return the first value of each query parameter."""
    return {name: values[0] for name, values in parse_qs(environ.get("QUERY_STRING", "")).items()}


def presigned_problem(
    environ: Mapping[str, Any], query: Mapping[str, str], credentials: Credentials, now: datetime
) -> Problem | None:
    """Return why S3 would refuse a presigned URL, or None when it is valid for this request."""
    try:
        _, _, region, service, _ = query["X-Amz-Credential"].split("/")
        signed_at = datetime.strptime(query["X-Amz-Date"], _TIME).replace(tzinfo=UTC)
        expires_at = signed_at + timedelta(seconds=int(query["X-Amz-Expires"]))
        names = query["X-Amz-SignedHeaders"].split(";")
    except (KeyError, ValueError, OverflowError):
        return Problem("AuthorizationQueryParametersError", "Query-string authentication needs its parameters.")
    if now > expires_at:
        return Problem("AccessDenied", "Request has expired")
    if not _amz_headers(environ) <= set(names):
        return Problem("AccessDenied", "There were headers present in the request which were not signed")
    signer = S3SigV4QueryAuth(credentials, service, region)
    request = AWSRequest(environ["REQUEST_METHOD"], _unsigned_url(environ), signed_headers(environ, names))
    request.context["timestamp"] = query["X-Amz-Date"]
    expected = signer.signature(signer.string_to_sign(request, signer.canonical_request(request)), request)
    if hmac.compare_digest(expected, query[SIGNATURE]):
        return None
    return Problem("SignatureDoesNotMatch", "The request signature we calculated does not match the one you provided.")


def _amz_headers(environ: Mapping[str, Any]) -> set[str]:
    """Return the names of the headers that change what S3 does, such as `x-amz-copy-source`. All must be signed."""
    names = (name.removeprefix("HTTP_").replace("_", "-").lower() for name in environ if name.startswith("HTTP_X_AMZ_"))
    return set(names)


def _unsigned_url(environ: Mapping[str, Any]) -> str:
    """Return the URL without its signature, which was added last."""
    parts = [part for part in environ["QUERY_STRING"].split("&") if not part.startswith(f"{SIGNATURE}=")]
    return url_of(environ, "&".join(parts))


def url_of(environ: Mapping[str, Any], query: str) -> str:
    """Return the URL of a request with this query, its path quoted as it was sent."""
    path = environ["RAW_URI"].partition("?")[0]
    return f"http://{environ['HTTP_HOST']}{path}" + (f"?{query}" if query else "")


def signed_headers(environ: Mapping[str, Any], names: Iterable[str]) -> dict[str, str]:
    """Return those headers of a request that were signed."""
    unprefixed = {"content-type": "CONTENT_TYPE", "content-length": "CONTENT_LENGTH"}
    variables = {name: unprefixed.get(name, f"HTTP_{name.upper().replace('-', '_')}") for name in names}
    return {name: environ[variable] for name, variable in variables.items() if variable in environ}
