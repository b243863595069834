"""The text forms of a file."""

import base64
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlock.domain.file_formats import check_file, decode_file

PNG = b"\x89PNG\r\n\x1a\n"
ENCODED = base64.b64encode(PNG).decode()


@given(st.binary(max_size=200))
def test_base64_and_data_urls_decode_to_the_same_bytes(content: bytes) -> None:
    text = base64.b64encode(content).decode()
    assert decode_file(text) == content
    assert decode_file(f"data:image/png;base64,{text}") == content
    assert decode_file(f"data:image/png;base64,{quote(text)}") == content
    assert decode_file(f"data:image/png,{quote(content)}") == content


@pytest.mark.parametrize(
    "text",
    [
        f"data:;base64,{ENCODED}",
        f"data:text/plain;charset=utf-8;base64,{ENCODED}",
        f"DATA:image/png;BASE64,{ENCODED}",
        f" {ENCODED[:4]}\r\n{ENCODED[4:]}\n",
        f"data:image/png;base64,{ENCODED[:4]}\n{ENCODED[4:]}",
    ],
)
def test_variants_of_base64_and_data_urls_are_accepted(text: str) -> None:
    assert decode_file(text) == PNG
    assert check_file(text)


@pytest.mark.parametrize(
    ("text", "content"),
    [
        ("data:text/plain,abc", b"abc"),
        ("data:,hello%20x", b"hello x"),
        ("DATA:,a,b%2Cc", b"a,b,c"),
        ("data:text/plain;charset=iso-8859-1,gr%fcn", b"gr\xfcn"),
        ("data:,grün+", "grün+".encode()),
        ("data:base64,AAAA", b"AAAA"),
        ("data:,", b""),
    ],
)
def test_data_url_without_base64_is_percent_decoded(text: str, content: bytes) -> None:
    assert decode_file(text) == content
    assert check_file(text)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("data:image/png;base64", "is a data: URL without a comma before its data"),
        ("data:,100%", "is a data: URL with a '%' that no two hexadecimal digits follow"),
        ("data:,%2g", "is a data: URL with a '%' that no two hexadecimal digits follow"),
        ("data:image/png;base64,AAA%3", "is a data: URL with a '%' that no two hexadecimal digits follow"),
        ("AAA", "is not valid base64"),
        ("AA=A", "is not valid base64"),
        ("A-_A", "is not valid base64"),
        ("AA-_AA", "is not valid base64"),
        ("AAAA!", "is not valid base64"),
        ("ä", "is not valid base64"),
        (
            "https://example.com/a.png",
            "is a URL, which is not fetched: send the file as base64 or a data: URL, or upload it",
        ),
        ("data:image/png;base64,%41", "is not valid base64"),
    ],
)
def test_invalid_text_is_refused_with_the_reason(text: str, why: str) -> None:
    with pytest.raises(ValueError, match="^" + why.replace(".", r"\.") + "$"):
        decode_file(text)
    assert not check_file(text)


def test_empty_text_is_an_empty_file() -> None:
    assert decode_file("") == b""
