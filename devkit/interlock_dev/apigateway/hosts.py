"""Protection of the local stack against DNS rebinding: it answers requests for its own host names only.

A page in the developer's browser may give its own name the address 127.0.0.1, and the browser then lets it call this
stack as if it were the page's own server. Such a request still has the page's name in `Host`.
"""

import json
from collections.abc import Callable, Collection, Iterable
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from interlock.domain.errors import ErrorCode, ErrorInfo
from interlock.http.envelope import error_object
from interlock_dev.project.http_server import Wsgi


class KnownHosts:
    """WSGI middleware that answers 421 (RFC 9110, section 15.5.20) to requests for other hosts than this machine and
    the given ones."""

    def __init__(self, app: Wsgi, hosts: Collection[str] = ()) -> None:
        self._app = app
        self._hosts = {host.lower() for host in hosts}

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        host = environ.get("HTTP_HOST")
        if host is None or self._is_known(host):
            return self._app(environ, start_response)
        message = f"Host {host[:100]!r} is not served here. Use 127.0.0.1, or start the stack with --allow-host."
        error = error_object(ErrorInfo(ErrorCode.INVALID_REQUEST, message))
        start_response("421 Misdirected Request", [("Content-Type", "application/json")])
        return [json.dumps({"error": error}).encode()]

    def _is_known(self, host: str) -> bool:
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return False
        # RFC 6761, section 6.3: names below localhost are loopback.
        return name in self._hosts or name == "localhost" or name.endswith(".localhost") or _is_loopback(name)


def _is_loopback(name: str) -> bool:
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False
