"""Links to results that are too large for a response."""

import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

_FIELDS = {"download_url", "size", "expires_at"}
_S3 = re.compile(r"(?:[a-z0-9.-]+\.)?s3(?:[.-][a-z0-9-]+)*\.amazonaws\.com(?:\.cn)?")
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}


def download_url(result: Any, service: str) -> str | None:
    """Return the URL of a result that the service sent as a link, or None for any other result.

    A tool may return an object that looks like a link. Only presigned URLs of S3 are fetched, or of this machine for a
    service that runs on it, so a tool cannot make the client send requests to other hosts or to the service.
    """
    if not (isinstance(result, dict) and result.keys() == _FIELDS and isinstance(result["download_url"], str)):
        return None
    url: str = result["download_url"]
    return url if _is_presigned(url, service) else None


def _is_presigned(url: str, service: str) -> bool:
    try:
        parts, own = urlsplit(url), urlsplit(service)
        host = parts.hostname or ""
        local = host in _LOOPBACK and own.hostname in _LOOPBACK
        if not local and (parts.scheme, parts.port) != ("https", None):
            return False
    except ValueError:  # such as a port that is no number
        return False
    if parts.username is not None or "X-Amz-Signature" not in parse_qs(parts.query):
        return False
    return local or _S3.fullmatch(host) is not None
