"""JSON as text, without spaces.

The encoders are created once, because `json.dumps` creates one for each call with options other than the defaults.
"""

import gc
import json
from collections.abc import Callable
from typing import Any

as_text: Callable[[Any], str] = json.JSONEncoder(allow_nan=False, separators=(",", ":")).encode
"""Return a value as ASCII JSON text, which can be encoded despite lone surrogates. Raises ValueError for NaN."""

as_unicode_text: Callable[[Any], str] = json.JSONEncoder(
    allow_nan=False, ensure_ascii=False, separators=(",", ":")
).encode
"""Return a value as JSON text with its characters as they are. Raises ValueError for NaN."""

MAX_LEVELS = 200
"""Maximum nesting of arrays and objects, of requests and of results."""

TOO_DEEP = f"is nested more than {MAX_LEVELS} levels deep"

LARGE_CHARACTERS = 100_000
"""Shorter text is not worth a change of the garbage collector's state."""


def decoded(decode: Callable[[str], Any], text: str) -> Any:
    """Return the result of `decode(text)`. Exempt it from garbage collection if the text is large.

    Each collection would visit all decoded values again, so that nested lists would take five times as long to decode,
    and a later full collection even longer. Decoded JSON has no cycles, so reference counting frees it. Other objects
    that exist at the time of a call are exempt until the next call.
    """
    if len(text) < LARGE_CHARACTERS or not gc.isenabled():
        return decode(text)
    gc.unfreeze()
    gc.disable()
    try:
        return decode(text)
    finally:
        gc.freeze()
        gc.enable()


def is_too_deep(value: Any, text: str) -> bool:
    """Return whether a decoded value is nested more than `MAX_LEVELS` deep. `text` is JSON that contains it."""
    if text.count("[") + text.count("{") <= MAX_LEVELS:
        return False
    level = [value] if type(value) in _NESTED else []
    for _ in range(MAX_LEVELS):
        parts = (one.values() if type(one) is dict else one for one in level)
        level = [inner for part in parts for inner in part if type(inner) in _NESTED]
        if not level:
            return False
    return True


_NESTED = {dict, list}
