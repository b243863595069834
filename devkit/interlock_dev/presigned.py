"""Presigned URLs of S3 are checked here as AWS checks them: moto takes any. So locally, too, a URL is good for what it
was signed for alone, its method, object, headers and time, and for nothing else.

https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
"""

import hmac
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from interlock_dev.http_server import Wsgi

_SIGNATURE = "X-Amz-Signature"
_TIME = "%Y%m%dT%H%M%SZ"


class PresignedUrls:
    """WSGI middleware that refuses a request whose presigned URL does not cover it. Others pass unseen."""

    def __init__(self, app: Wsgi, secrets: Mapping[str, str]) -> None:
        """`secrets` are the secret keys by access key id."""
        self._app = app
        self._secrets = secrets

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        query = {name: values[0] for name, values in parse_qs(environ.get("QUERY_STRING", "")).items()}
        if _SIGNATURE not in query:
            return self._app(environ, start_response)
        problem = self._problem(environ, query, datetime.now(UTC))
        if problem is None:
            return self._app(environ, start_response)
        body = "<Error><Code>{}</Code><Message>{}</Message></Error>".format(*map(escape, problem)).encode()
        start_response("403 Forbidden", [("Content-Type", "application/xml"), ("Content-Length", str(len(body)))])
        return [body]

    def _problem(self, environ: Mapping[str, Any], query: Mapping[str, str], now: datetime) -> tuple[str, str] | None:
        """S3's error code and message, if it would refuse the request."""
        try:
            access_key, _, region, service, _ = query["X-Amz-Credential"].split("/")
            signed_at = datetime.strptime(query["X-Amz-Date"], _TIME).replace(tzinfo=UTC)
            expires_at = signed_at + timedelta(seconds=int(query["X-Amz-Expires"]))
            names = query["X-Amz-SignedHeaders"].split(";")
        except (KeyError, ValueError, OverflowError):
            return "AuthorizationQueryParametersError", "Query-string authentication needs its parameters."
        if access_key not in self._secrets:
            return "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records."
        if now > expires_at:
            return "AccessDenied", "Request has expired"
        signer = S3SigV4QueryAuth(Credentials(access_key, self._secrets[access_key]), service, region)
        request = AWSRequest(environ["REQUEST_METHOD"], _unsigned_url(environ), _headers(environ, names))
        request.context["timestamp"] = query["X-Amz-Date"]
        expected = signer.signature(signer.string_to_sign(request, signer.canonical_request(request)), request)
        if not hmac.compare_digest(expected, query[_SIGNATURE]):
            return "SignatureDoesNotMatch", "The request signature we calculated does not match the one you provided."
        return None


def _unsigned_url(environ: Mapping[str, Any]) -> str:
    """The URL as it was when it was signed."""
    parts = [part for part in environ["QUERY_STRING"].split("&") if not part.startswith(f"{_SIGNATURE}=")]
    path = environ["RAW_URI"].partition("?")[0]
    return f"http://{environ['HTTP_HOST']}{path}?{'&'.join(parts)}"


def _headers(environ: Mapping[str, Any], names: Iterable[str]) -> dict[str, str]:
    """Those headers of the request that were signed, as they came."""
    unprefixed = {"content-type": "CONTENT_TYPE", "content-length": "CONTENT_LENGTH"}
    variables = {name: unprefixed.get(name, f"HTTP_{name.upper().replace('-', '_')}") for name in names}
    return {name: environ[variable] for name, variable in variables.items() if variable in environ}
