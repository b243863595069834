"""The format of API keys: `interlock_`, 256 random bits, and a checksum. A secret scanner can find a published key, and
a typo is detected without a table read.

A key is `interlock_` and 49 letters and digits: 43 of the random bits in base 62, and 6 of the CRC-32 of those 43.
"""

import re
import secrets
import zlib

PREFIX = "interlock_"
KEY_PATTERN = PREFIX + "[0-9A-Za-z]{49}"
"""A pattern for secret scanners."""

HINT_LENGTH = 4

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_RANDOM_BYTES = 32
_RANDOM_LENGTH, _CHECKSUM_LENGTH = 43, 6


def generate_key() -> str:
    """Return a new key."""
    body = _base62(int.from_bytes(secrets.token_bytes(_RANDOM_BYTES)), _RANDOM_LENGTH)
    return PREFIX + body + _checksum(body)


def is_mistyped(key: str) -> bool:
    """Return whether the text has the prefix of our keys but cannot be one. Texts without the prefix are not judged."""
    if not key.startswith(PREFIX):
        return False
    if not re.fullmatch(KEY_PATTERN, key):
        return True
    body = key.removeprefix(PREFIX)
    return _checksum(body[:_RANDOM_LENGTH]) != body[_RANDOM_LENGTH:]


def _checksum(body: str) -> str:
    return _base62(zlib.crc32(body.encode()), _CHECKSUM_LENGTH)


def _base62(number: int, length: int) -> str:
    digits = ""
    for _ in range(length):
        number, digit = divmod(number, len(_DIGITS))
        digits = _DIGITS[digit] + digits
    return digits
