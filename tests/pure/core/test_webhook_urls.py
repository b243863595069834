"""URLs of webhooks: what is refused when a job is submitted, and which addresses a host may have."""

from ipaddress import ip_address

import pytest

from interlock.domain.webhook_url import BadUrl, Target, UrlRules, is_public
from tests.forbidden_urls import FORBIDDEN

LONGEST_HOST = ".".join(["x" * 63, "x" * 63, "x" * 63, "x" * 61])
"""A name of 253 characters, the most that the domain name system allows."""

RULES, LOCAL_RULES = UrlRules(), UrlRules(local=True)


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("https://example.com", Target(True, "example.com", 443, "/")),
        ("https://example.com:443/hooks?key=a&b", Target(True, "example.com", 443, "/hooks?key=a&b")),
        ("https://a.b-c.example.co.uk:8443/", Target(True, "a.b-c.example.co.uk", 8443, "/")),
        ("HTTPS://Example.COM./x", Target(True, "example.com", 443, "/x")),
        ("https://xn--bcher-kva.example/", Target(True, "xn--bcher-kva.example", 443, "/")),
        ("https://93.184.216.34/", Target(True, "93.184.216.34", 443, "/")),
        ("https://[2606:4700::1111]:8443/x", Target(True, "2606:4700::1111", 8443, "/x")),
        ("https://1.2.example.com/", Target(True, "1.2.example.com", 443, "/")),
        (f"https://{LONGEST_HOST}/", Target(True, LONGEST_HOST, 443, "/")),
        ("https://example.com/".ljust(2048, "x"), Target(True, "example.com", 443, "/".ljust(2029, "x"))),
    ],
)
def test_public_url_is_accepted(url: str, target: Target) -> None:
    assert RULES.check(url) == LOCAL_RULES.check(url) == target


def test_there_are_sixty_forms_of_forbidden_urls() -> None:
    assert len(set(FORBIDDEN)) == len(FORBIDDEN) >= 60


@pytest.mark.parametrize("url", FORBIDDEN)
def test_forbidden_url_is_refused_with_a_reason(url: str) -> None:
    with pytest.raises(BadUrl, match=r"must|is not a valid URL"):
        RULES.check(url)


CHARACTERS = "must be at most 2048 printable ASCII characters, without spaces and backslashes"
NAME = "must have the full name of a public host; write other characters than ASCII as xn--"


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("https://example.com/a b", CHARACTERS),
        ("https://example.com/a\\b", CHARACTERS),
        ("https://example.com/".ljust(2049, "x"), CHARACTERS),
        ("https://[::1/", "is not a valid URL"),
        ("https://example.com:65536/", "is not a valid URL"),
        ("https://user:password@example.com/", "must have no user name and no password"),
        ("https://example.com/#top", "must have no fragment"),
        ("http://example.com/", "must begin with https://"),
        ("https://example.com:80/", "must have one of the ports 443, 8443"),
        ("https://10.0.0.1/", "must have a public address, which 10.0.0.1 is not"),
        ("https:///path", NAME),
        ("https://intranet/", NAME),
        (f"https://{LONGEST_HOST}x/", NAME),
        ("https://example.127.1/", "must have the name of a host, or an address with four decimal numbers"),
        ("https://example.com.0x7f/", "must have the name of a host, or an address with four decimal numbers"),
        ("https://router.local/", "must have a public host"),
    ],
)
def test_reason_for_a_refused_url_says_what_it_must_have(url: str, reason: str) -> None:
    with pytest.raises(BadUrl) as caught:
        RULES.check(url)
    assert str(caught.value) == reason


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("http://127.0.0.1:8080/x", Target(False, "127.0.0.1", 8080, "/x")),
        ("http://localhost/x", Target(False, "localhost", 80, "/x")),
        ("http://[::1]:9", Target(False, "::1", 9, "/")),
        ("http://127.8.0.1:1/?a", Target(False, "127.8.0.1", 1, "/?a")),
    ],
)
def test_local_url_is_accepted_only_on_a_local_stack(url: str, target: Target) -> None:
    assert LOCAL_RULES.check(url) == target
    with pytest.raises(BadUrl, match="https://"):
        RULES.check(url)


@pytest.mark.parametrize(
    "url", ["http://example.com/", "http://10.0.0.1/", "http://user@127.0.0.1/", "ftp://127.0.0.1/"]
)
def test_other_urls_than_loopback_need_https_on_a_local_stack_too(url: str) -> None:
    with pytest.raises(BadUrl):
        LOCAL_RULES.check(url)


PUBLIC = ("1.1.1.1", "8.8.8.8", "93.184.216.34", "223.255.255.1", "2606:4700::1111", "2001:4860:4860::8888")
# At least one address of each network of IANA's special-purpose registries, and of multicast.
SPECIAL = (
    *("0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "127.0.0.1", "127.255.255.254", "169.254.169.254"),
    *("172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.0.8", "192.0.0.9", "192.0.0.10", "192.0.0.170"),
    *("192.0.2.1", "192.31.196.1", "192.52.193.1", "192.88.99.1", "192.168.0.1", "192.175.48.1", "198.18.0.1"),
    *("198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255"),
    *("::", "::1", "::8.8.8.8", "::ffff:8.8.8.8", "::ffff:127.0.0.1", "::ffff:0:8.8.8.8", "64:ff9b::808:808"),
    *("64:ff9b:1::1", "100::1", "100:0:0:1::1", "2001::1", "2001:1::1", "2001:1::3", "2001:2::1", "2001:3::1"),
    *("2001:4:112::1", "2001:10::1", "2001:20::1", "2001:30::1", "2001:db8::1", "2002:808:808::1"),
    *("2620:4f:8000::1", "3fff::1", "4000::1", "5f00::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%eth0"),
    *("fec0::1", "ff02::1", "ff0e::1"),
)


@pytest.mark.parametrize("address", PUBLIC)
def test_ordinary_address_is_public(address: str) -> None:
    assert is_public(ip_address(address))


@pytest.mark.parametrize("address", SPECIAL)
def test_special_address_is_not_public(address: str) -> None:
    assert not is_public(ip_address(address))


def test_addresses_of_a_target_follow_its_scheme() -> None:
    secure, local = RULES.check("https://example.com/"), LOCAL_RULES.check("http://localhost/")
    assert LOCAL_RULES.allows(ip_address("8.8.8.8"), secure)
    assert not LOCAL_RULES.allows(ip_address("127.0.0.1"), secure)
    assert LOCAL_RULES.allows(ip_address("127.0.0.1"), local)
    assert not LOCAL_RULES.allows(ip_address("8.8.8.8"), local)
