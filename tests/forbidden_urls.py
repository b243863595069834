"""URLs that no webhook may have. The hosts of most are loopback or other addresses that are not public."""

_IPV6 = (
    *("::1", "::", "::ffff:127.0.0.1", "::ffff:7f00:1", "0:0:0:0:0:ffff:7f00:1", "::127.0.0.1", "::ffff:8.8.8.8"),
    *("64:ff9b::7f00:1", "64:ff9b::127.0.0.1", "64:ff9b:1::1", "2002:7f00:1::1", "2001::1", "2001:db8::1"),
    *("fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%25eth0", "fec0::1", "ff02::1", "::1%25lo", "::ffff:0:127.0.0.1"),
)
_IPV4 = (
    *("127.0.0.1", "127.1.2.3", "0.0.0.0", "10.0.0.1", "100.64.0.1", "169.254.169.254", "172.16.0.1"),
    *("192.0.0.192", "192.168.1.1", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255"),
)
_NAMES = (
    # Forms of 127.0.0.1 that resolvers accept.
    *("127.1", "127.0.1", "2130706433", "0x7f000001", "0x7f.0.0.1", "0x7f.1", "0177.0.0.1", "017700000001"),
    *("127.0.0.1.", "0", "0x0", "00.0.0.0", "%31%32%37.0.0.1", "127%2E0%2E0%2E1"),
    # Names of this machine and of the network that it is in.
    *("localhost", "localhost.", "LOCALHOST", "a.localhost", "router.local", "instance-data.ec2.internal"),
    *("metadata.google.internal", "localhost.localdomain", "printer.home.arpa", "intranet", "-.example.com"),
    # Unicode characters that are normalized, or look similar, to those of the names above.
    *("\uff11\uff12\uff17.0.0.1", "\u24dbocalhost", "127\u30020\u30020\u30021", "l\u043ecalhost.example"),
)
_OTHERS = (
    "http://example.com/",
    "ftp://example.com/",
    "file:///etc/passwd",
    "gopher://127.0.0.1:11211/_stats",
    "//example.com/",
    "example.com",
    "https:example.com",
    "https://",
    "https:///path",
    "https://example.com:80/",
    "https://example.com:22/",
    "https://example.com:0/",
    "https://example.com:65536/",
    "https://example.com:443x/",
    "https://user@example.com/",
    "https://user:password@example.com/",
    "https://example.com@127.0.0.1/",
    "https://127.0.0.1\\@example.com/",
    "https://example.com\\.127.0.0.1/",
    "https://example.com/#fragment",
    "https://example.com/\r\nHost: 127.0.0.1",
    "https://exam\tple.com/",
    "https://127.0.0.1 .example.com/",
    " https://example.com/",
    "https://[::1/",
    "https://[not-an-address]/",
    "https://" + "a" * 64 + ".example/",
    "https://example.com/" + "a" * 2048,
)
FORBIDDEN = (
    *(f"https://{host}/" for host in (*_IPV4, *_NAMES)),
    *(f"https://[{host}]/" for host in _IPV6),
    *_OTHERS,
)
