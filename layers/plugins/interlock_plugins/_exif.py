"""Convert EXIF metadata to JSON values."""

import math
import warnings
from typing import Any

import PIL.Image
from PIL import ExifTags, TiffImagePlugin
from pydantic import JsonValue

from interlock_plugins._images import METADATA_ERRORS

_LONGEST = 1000
"""Maximum characters of a text and items of a list. Longer values (previews, maker notes) are omitted."""

_MOST_TAGS = 500

_GROUPS = {ExifTags.IFD.Exif: ExifTags.TAGS, ExifTags.IFD.GPSInfo: ExifTags.GPSTAGS}
"""Tag names of the directories that the main directory points to."""

_NOT_SHOWN = frozenset(ExifTags.IFD)
"""Tags without a meaning outside the file: pointers to other directories and maker notes."""


def exif_values(image: PIL.Image.Image) -> dict[str, JsonValue]:
    """Return the tags by EXIF name, unknown tags as `0x` and four hex digits. Damaged metadata yields fewer tags."""
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
    """Return the value for JSON, or None if JSON cannot hold it: NaN, long binary data, types unknown to EXIF."""
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
