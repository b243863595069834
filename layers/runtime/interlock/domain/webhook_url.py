"""The URLs that webhooks may have, and the addresses that they may lead to.

A URL is checked when it is submitted, by its text, and again before each attempt, with all addresses of its host.
"""

import re
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import NamedTuple
from urllib.parse import urlsplit

from msgspec import Struct

MAX_URL = 2048
PORTS = (443, 8443)

type Address = IPv4Address | IPv6Address

_PRINTABLE = re.compile(r"[!-~]+")
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?", re.IGNORECASE)
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*", re.IGNORECASE)
_LOCAL_NAMES = ("localhost", "local", "internal", "localdomain", "home.arpa")
"""Domains that never name a public host (RFC 6761, RFC 6762, RFC 8375, and ICANN's `internal`)."""

_GLOBAL_UNICAST = ip_network("2000::/3")
"""All other IPv6 addresses are special, such as mapped IPv4 addresses and those of NAT64."""

_SPECIAL = tuple(
    ip_network(network)
    for network in (
        "192.0.0.0/24",  # IETF protocol assignments; two of the addresses are global
        "192.31.196.0/24",  # AS112
        "192.52.193.0/24",  # AMT
        "192.88.99.0/24",  # relays of 6to4
        "192.175.48.0/24",  # AS112
        "2001::/23",  # Teredo, ORCHID, and other protocols
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4
        "2620:4f:8000::/48",  # AS112
        "3fff::/20",  # documentation
    )
)
"""Special networks of IANA's registries that `ipaddress` takes for global, in this or an earlier version.

https://www.iana.org/assignments/iana-ipv4-special-registry https://www.iana.org/assignments/iana-ipv6-special-registry
"""


class BadUrl(ValueError):
    """The URL is not allowed. The message says why, for the caller."""


class Target(NamedTuple):
    """The parts of a URL that a request to it needs."""

    secure: bool
    host: str
    port: int
    path: str


class UrlRules(Struct, frozen=True):
    """The rules for URLs. `local` also allows http to loopback addresses, for development on the local stack."""

    local: bool = False

    def check(self, url: str) -> Target:
        """Return the target of a URL. Raise `BadUrl`."""
        # `urlsplit` ignores some characters, and other programs ignore more.
        if not _PRINTABLE.fullmatch(url) or "\\" in url or len(url) > MAX_URL:
            raise BadUrl(f"must be at most {MAX_URL} printable ASCII characters, without spaces and backslashes")
        try:
            parts = urlsplit(url)
            host, port = (parts.hostname or "").removesuffix("."), parts.port
        except ValueError:
            raise BadUrl("is not a valid URL") from None
        if "@" in parts.netloc:
            raise BadUrl("must have no user name and no password")
        if parts.fragment:
            raise BadUrl("must have no fragment")
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        if self.local and parts.scheme == "http" and (host == "localhost" or _is_loopback(host)):
            return Target(False, host, port or 80, path)
        if parts.scheme != "https":
            raise BadUrl("must begin with https://")
        if (443 if port is None else port) not in PORTS:
            raise BadUrl(f"must have one of the ports {', '.join(map(str, PORTS))}")
        _check_host(host)
        return Target(True, host, port or 443, path)

    def allows(self, address: Address, target: Target) -> bool:
        """Return whether a request to this target may go to this address of its host."""
        return is_public(address) if target.secure else address.is_loopback


def is_public(address: Address) -> bool:
    """Return whether an address is an ordinary Internet address: global, unicast, and without a special purpose."""
    ordinary = address.is_global and not address.is_multicast and not address.is_reserved
    if isinstance(address, IPv6Address) and (address not in _GLOBAL_UNICAST or address.scope_id):
        return False
    return ordinary and not any(address in network for network in _SPECIAL if network.version == address.version)


def _check_host(host: str) -> None:
    try:
        address = ip_address(host)
    except ValueError:
        _check_name(host)
    else:
        if not is_public(address):
            raise BadUrl(f"must have a public address, which {host} is not")


def _check_name(host: str) -> None:
    labels = host.split(".")
    if len(labels) < 2 or len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise BadUrl("must have the full name of a public host; write other characters than ASCII as xn--")
    # Resolvers read 127.1 and 0x7f.1 as addresses. No top-level domain is a number.
    if _NUMBER.fullmatch(labels[-1]):
        raise BadUrl("must have the name of a host, or an address with four decimal numbers")
    if any(f".{host.lower()}".endswith(f".{name}") for name in _LOCAL_NAMES):
        raise BadUrl("must have a public host")


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
