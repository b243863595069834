"""JSON as text, without spaces.

The encoders are kept, because `json.dumps` makes a new one for each call that does not take its defaults.
"""

import json
from collections.abc import Callable
from typing import Any

as_text: Callable[[Any], str] = json.JSONEncoder(allow_nan=False, separators=(",", ":")).encode
"""Return a value as JSON text in ASCII, so that it can be encoded whatever it holds. Raises ValueError for NaN."""

as_unicode_text: Callable[[Any], str] = json.JSONEncoder(
    allow_nan=False, ensure_ascii=False, separators=(",", ":")
).encode
"""Return a value as JSON text with its characters as they are. Raises ValueError for NaN."""
