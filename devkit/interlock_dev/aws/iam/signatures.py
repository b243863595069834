"""Verify Signature Version 4, because moto accepts every access key and every signature.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

import hashlib
import hmac
import io
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from interlock_dev.aws.errors import refuse
from interlock_dev.aws.s3.presigned import SIGNATURE, Problem, presigned_problem, query_values, signed_headers, url_of
from interlock_dev.project.access_keys import AccessKey
from interlock_dev.project.http_server import Wsgi, content_length

PRINCIPAL = "interlock.principal"
"""Key in the WSGI environment for the name of the caller: `OWNER` or a function's name."""

CLOCK_SKEW = timedelta(minutes=15)

_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=([^/,\s]+)/\d{8}/([^/,\s]+)/([^/,\s]+)/aws4_request, *"
    r"SignedHeaders=([^,\s]+), *Signature=([0-9a-f]{64})"
)
_TIME = "%Y%m%dT%H%M%SZ"
_MISSING = Problem("MissingAuthenticationTokenException", "Request is missing Authentication Token")
_UNKNOWN = Problem("UnrecognizedClientException", "The security token included in the request is invalid.")
_LENGTH = Problem("SerializationException", "Content-Length is not a valid length.")
_MISMATCH = Problem(
    "InvalidSignatureException",
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key "
    "and signing method.",
)


class Signatures:
    """WSGI middleware that refuses requests without a valid signature, and stores the caller under `PRINCIPAL`."""

    def __init__(self, app: Wsgi, keys: Mapping[str, AccessKey]) -> None:
        """`keys`: the access keys by principal."""
        self._app = app
        self._principals = {key.id: (principal, key.secret) for principal, key in keys.items()}

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] == "OPTIONS":
            return _preflight(environ, start_response)
        found = self._verify(environ, datetime.now(UTC))
        if isinstance(found, Problem):
            return refuse(environ, start_response, found.code, found.message)
        environ[PRINCIPAL] = found
        return self._app(environ, start_response)

    def _verify(self, environ: dict[str, Any], now: datetime) -> str | Problem:
        """Return the principal that signed a request, or why the request is refused."""
        query = query_values(environ)
        presigned = SIGNATURE in query
        signed = _AUTHORIZATION.fullmatch(environ.get("HTTP_AUTHORIZATION", ""))
        if not presigned and signed is None:
            return _MISSING
        access_key = query.get("X-Amz-Credential", "").partition("/")[0] if presigned else signed and signed[1]
        if access_key not in self._principals:
            return _UNKNOWN
        if content_length(environ) is None:
            return _LENGTH
        principal, secret = self._principals[access_key]
        credentials = Credentials(access_key, secret)
        problem = presigned_problem(environ, query, credentials, now) if presigned else None
        if signed is not None and not presigned:
            problem = _problem(environ, signed, credentials, now)
        return problem or principal


def _preflight(environ: Mapping[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Permit every origin, as moto does, in response to the preflight of a browser, which is not signed.

    The preflight is not passed to moto, which would treat it as an API call.
    """
    permissions = {
        "Access-Control-Allow-Origin": environ.get("HTTP_ORIGIN", "*"),
        "Access-Control-Allow-Methods": "GET, HEAD, PUT",
        "Access-Control-Allow-Headers": environ.get("HTTP_ACCESS_CONTROL_REQUEST_HEADERS", ""),
        "Content-Length": "0",
    }
    start_response("200 OK", list(permissions.items()))
    return []


def _problem(environ: dict[str, Any], signed: re.Match[str], credentials: Credentials, now: datetime) -> Problem | None:
    """Verify a signature in the header `Authorization`. Reads the body, which is part of what is signed."""
    _, region, service, names, signature = signed.groups()
    sent_at = environ.get("HTTP_X_AMZ_DATE", "")
    try:
        if abs(now - datetime.strptime(sent_at, _TIME).replace(tzinfo=UTC)) > CLOCK_SKEW:
            return Problem("InvalidSignatureException", f"Signature expired: {sent_at} is not within 15 minutes.")
    except ValueError:
        return Problem("InvalidSignatureException", "X-Amz-Date is missing or not a time.")
    body = environ["wsgi.input"].read(content_length(environ))
    environ["wsgi.input"] = io.BytesIO(body)
    announced = environ.get("HTTP_X_AMZ_CONTENT_SHA256")
    if announced and re.fullmatch("[0-9a-f]{64}", announced) and announced != hashlib.sha256(body).hexdigest():
        return Problem("XAmzContentSHA256Mismatch", "The provided x-amz-content-sha256 does not match the body.")
    signer = (S3SigV4Auth if service == "s3" else SigV4Auth)(credentials, service, region)
    headers = signed_headers(environ, names.split(";"))
    request = AWSRequest(environ["REQUEST_METHOD"], url_of(environ, environ["QUERY_STRING"]), headers, body)
    request.context["timestamp"] = sent_at
    expected = signer.signature(signer.string_to_sign(request, signer.canonical_request(request)), request)
    return None if hmac.compare_digest(expected, signature) else _MISMATCH
