"""EXIF metadata as plain JSON values."""

import math
import warnings
from typing import Any

import PIL.Image
from PIL import ExifTags, TiffImagePlugin
from pydantic import JsonValue

from interlock_plugins._images import METADATA_ERRORS

_LONGEST = 1000
"""Characters of a text and items of a list that are kept. What is longer is left out: previews, maker's notes."""

_MOST_TAGS = 500

_GROUPS = {ExifTags.IFD.Exif: ExifTags.TAGS, ExifTags.IFD.GPSInfo: ExifTags.GPSTAGS}
"""The directories that the first one points to, and the names of their tags."""

_NOT_SHOWN = frozenset(ExifTags.IFD)
"""Tags that mean nothing outside the file: pointers to other directories, and the maker's own."""


def exif_values(image: PIL.Image.Image) -> dict[str, JsonValue]:
    """The tags by their EXIF name, unknown ones as `0x` and four hex digits. Damaged metadata give fewer tags."""
    values: dict[str, JsonValue] = {}
    try:
        with warnings.catch_warnings(action="ignore"):
            exif = image.getexif()
            _collect(exif, ExifTags.TAGS, values)
            for group, names in _GROUPS.items():
                _collect(exif.get_ifd(group), names, values)
    except METADATA_ERRORS:
        return values
    return values


def _collect(tags: Any, names: dict[int, str], values: dict[str, JsonValue]) -> None:
    for tag, raw in tags.items():
        if tag in _NOT_SHOWN or len(values) >= _MOST_TAGS:
            continue
        value = _plain(raw)
        if value is not None:
            values[names.get(tag, f"0x{tag:04x}")] = value


def _plain(raw: object) -> JsonValue:
    """The value in JSON, or None if it has no place there: NaN, long binary data, types that are not EXIF's."""
    match raw:
        case bool() | int():
            return int(raw)
        case float() | TiffImagePlugin.IFDRational():
            number = float(raw)
            return number if math.isfinite(number) else None
        case str():
            text = raw.strip("\0 ")
            return text if len(text) <= _LONGEST else None
        case bytes():
            return _plain(raw.decode("ascii") if raw.isascii() else raw.hex())
        case tuple() | list():
            return [_plain(item) for item in raw] if len(raw) <= _LONGEST else None
    return None
