"""The format of API keys and their checksum."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlock.domain.key_format import _DIGITS, KEY_PATTERN, PREFIX, _base62, _checksum, generate_key, is_mistyped


def test_generated_keys_match_the_pattern_for_secret_scanners() -> None:
    keys = [generate_key() for _ in range(200)]
    assert len(set(keys)) == 200
    assert all(re.fullmatch(KEY_PATTERN, key) for key in keys)
    assert not any(map(is_mistyped, keys))


def test_key_encodes_256_bits() -> None:
    largest = _base62(2**256 - 1, 43)
    assert len(_DIGITS) ** 43 >= 2**256
    assert sum(_DIGITS.index(digit) * 62**place for place, digit in enumerate(reversed(largest))) == 2**256 - 1


def test_checksum_of_a_known_key_is_unchanged() -> None:
    """Keys that are in use must stay valid."""
    body = "0" * 43
    assert _checksum(body) == "2CZclj"
    assert not is_mistyped(PREFIX + body + "2CZclj")


@given(st.data())
def test_one_wrong_or_two_swapped_characters_are_detected(data: st.DataObject) -> None:
    key = generate_key()
    place = data.draw(st.integers(len(PREFIX), len(key) - 2))
    wrong = data.draw(st.sampled_from([digit for digit in _DIGITS if digit != key[place]]))
    assert is_mistyped(key[:place] + wrong + key[place + 1 :])
    swapped = key[:place] + key[place + 1] + key[place] + key[place + 2 :]
    assert is_mistyped(swapped) is (swapped != key)


@pytest.mark.parametrize(
    "change", [lambda key: key[:-1], lambda key: key + "0", lambda key: key + " ", lambda _: PREFIX]
)
def test_key_of_wrong_length_is_mistyped(change: "object") -> None:
    assert callable(change)
    assert is_mistyped(change(generate_key()))


@pytest.mark.parametrize("key", ["", "dev-key", "interlock", "Interlock_x", "a" * 64])
def test_key_without_the_prefix_is_not_checked(key: str) -> None:
    assert not is_mistyped(key)
