"""The console's files over HTTP.

The page is at `/console`; its files are at `/console/{version}/{name}`, where the version is a digest of all of them:
browsers keep files of a version, and never mix two versions. All addresses in the page are relative, because a deployed
API is below the path of its stage.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping
from importlib.resources.abc import Traversable
from typing import Any

from msgspec import Struct

from interlock.domain.errors import ErrorCode, ErrorInfo
from interlock.domain.json_text import as_text
from interlock.http.envelope import error_object

PAGE, START = "index.html", "start.js"
MEDIA_TYPES = {
    "css": "text/css; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
"""Media types of the files that are served, by extension."""

FOREVER = "public, max-age=31536000, immutable"
REVALIDATED = "no-cache"
VERSION_MARK, MODULES_MARK = "{version}", "{modules}"
"""Placeholders in the page for the version and for the names of the modules that `start.js` loads."""


class _File(Struct, frozen=True):
    text: str
    media_type: str
    tag: str


class ConsoleFiles:
    """The page and its files, read once. `bucket_origin` is the origin of presigned URLs."""

    def __init__(self, folder: Traversable, *, bucket_origin: str) -> None:
        texts = dict(sorted(_texts(folder)))
        self.version = hashlib.sha256(as_text(texts).encode()).hexdigest()[:16]
        page = texts.pop(PAGE)
        # One request for all styles, in the order of their names.
        texts["style.css"] = "".join(texts.pop(name) for name in sorted(texts) if name.startswith("style/"))
        modules = [name for name in texts if name.endswith(".js") and name != START]
        self._page = _file(PAGE, page.replace(VERSION_MARK, self.version).replace(MODULES_MARK, " ".join(modules)))
        self._files = {name: _file(name, text) for name, text in texts.items()}
        self._security = _security_headers(bucket_origin)

    def resolve(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """Answer an event of the REST API's proxy integration."""
        if event["httpMethod"] not in {"GET", "HEAD"}:
            error = ErrorInfo(ErrorCode.INVALID_REQUEST, "This route takes GET, HEAD.", {"allow": ["GET", "HEAD"]})
            return self._refused(error, 405, {"Allow": "GET, HEAD"})
        name = (event.get("pathParameters") or {}).get("proxy", "")
        if not name and event["path"].endswith("/"):
            # Relative addresses in the page would be below `/console/`.
            return self._answer(308, "", {"Location": "../console", "Cache-Control": REVALIDATED})
        version, _, name = name.partition("/")
        file = self._files.get(name) if version else self._page
        if file is None:
            return self._refused(ErrorInfo(ErrorCode.NOT_FOUND, "There is no such route."), 404, {})
        return self._found(event, file, FOREVER if version == self.version else REVALIDATED)

    def _found(self, event: Mapping[str, Any], file: _File, caching: str) -> dict[str, Any]:
        headers = {"ETag": file.tag, "Cache-Control": caching}
        if file.tag in _known_tags(event):
            return self._answer(304, "", headers)
        body = "" if event["httpMethod"] == "HEAD" else file.text
        return self._answer(200, body, {"Content-Type": file.media_type, **headers})

    def _refused(self, error: ErrorInfo, status: int, headers: Mapping[str, str]) -> dict[str, Any]:
        headers = {"Content-Type": "application/json", "Cache-Control": "no-store", **headers}
        return self._answer(status, as_text({"error": error_object(error)}), headers)

    def _answer(self, status: int, body: str, headers: Mapping[str, str]) -> dict[str, Any]:
        return {"statusCode": status, "headers": {**headers, **self._security}, "body": body, "isBase64Encoded": False}


def _texts(folder: Traversable, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield the name and text of each file that is served. Other files, such as licenses, are left out."""
    for one in folder.iterdir():
        if one.is_dir():
            yield from _texts(one, f"{prefix}{one.name}/")
        elif one.name.rpartition(".")[2] in MEDIA_TYPES:
            yield f"{prefix}{one.name}", one.read_text("utf-8")


def _file(name: str, text: str) -> _File:
    digest = hashlib.sha256(text.encode()).hexdigest()[:32]
    return _File(text, MEDIA_TYPES[name.rpartition(".")[2]], f'"{digest}"')


def _known_tags(event: Mapping[str, Any]) -> list[str]:
    """Return the entity tags of `If-None-Match` (RFC 9110, section 13.1.2), compared weakly."""
    headers = event.get("headers") or {}
    sent = [value for name, value in headers.items() if name.lower() == "if-none-match"]
    return re.findall(r'"[^"]*"', ",".join(sent))


def _security_headers(bucket_origin: str) -> dict[str, str]:
    policy = {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self' data: blob:",
        "connect-src": f"'self' {bucket_origin}",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
    return {
        "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in policy.items()),
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }
