"""Strict JSON (RFC 8259): no NaN, no infinity, no unpaired surrogates, bounded nesting."""

import json
import math
from typing import Any, NoReturn

from interlock.domain.json_text import MAX_LEVELS, TOO_DEEP, decoded


class InvalidJson(ValueError):
    """Raised for text that is not strict JSON, with the reason as its message."""


def parse_json(text: str) -> Any:
    """Parse strict JSON. Raise `InvalidJson`."""
    try:
        document = decoded(_decode, text)
    except RecursionError:
        raise InvalidJson(_TOO_DEEP) from None
    except InvalidJson:
        raise
    except json.JSONDecodeError as error:
        raise InvalidJson(str(error)) from None
    except ValueError:  # the interpreter converts at most 4,300 digits
        raise InvalidJson("a number has too many digits") from None
    _check(document, MAX_LEVELS)
    _check_surrogates(text, document)
    return document


_TOO_DEEP = f"it {TOO_DEEP}"


def _refuse_constant(name: str) -> NoReturn:
    raise InvalidJson(f"{name} is not a JSON value")


_decode = json.JSONDecoder(parse_constant=_refuse_constant).decode  # kept: `json.loads` makes one for each call


def _check(value: Any, levels: int) -> None:
    """Check the nesting and the numbers. `1e999` is valid JSON, but neither this service nor its clients can represent
    it."""
    if type(value) is float:
        if not math.isfinite(value):
            raise InvalidJson("a number is out of range")
        return
    if type(value) is dict:
        value = value.values()
    elif type(value) is not list:
        return
    if levels == 0:
        raise InvalidJson(_TOO_DEEP)
    for inner in value:
        if type(inner) in _CHECKED:
            _check(inner, levels - 1)


_CHECKED = {dict, list, float}


def _check_surrogates(text: str, document: Any) -> None:
    """Check that the document can be encoded: neither the text nor an escape in it is an unpaired surrogate."""
    try:
        if not text.isascii():
            text.encode()
        if "\\ud" in text or "\\uD" in text:
            json.dumps(document, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise InvalidJson("it holds an unpaired surrogate or bytes that are not UTF-8") from None
