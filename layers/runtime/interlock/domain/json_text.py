"""JSON as text, without spaces.

The encoders are kept, because `json.dumps` makes a new one for each call that does not take its defaults.
"""

import gc
import json
from collections.abc import Callable
from typing import Any

as_text: Callable[[Any], str] = json.JSONEncoder(allow_nan=False, separators=(",", ":")).encode
"""Return a value as JSON text in ASCII, so that it can be encoded whatever it holds. Raises ValueError for NaN."""

as_unicode_text: Callable[[Any], str] = json.JSONEncoder(
    allow_nan=False, ensure_ascii=False, separators=(",", ":")
).encode
"""Return a value as JSON text with its characters as they are. Raises ValueError for NaN."""

LARGE_CHARACTERS = 100_000
"""Shorter text is not worth a change of the garbage collector's state."""


def decoded(decode: Callable[[str], Any], text: str) -> Any:
    """Return the result of `decode(text)`, without garbage collections of what it makes.

    Each collection would go through all values again: it makes nested lists five times as slow to decode, and a later
    full collection takes longer still. Decoded JSON has no cycles, so it needs none: it is freed when it is not used
    any more. Other objects that this exempts from collection are exempt until the next call.
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
