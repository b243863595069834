"""Open untrusted images and convert them to the modes that tools need.

Every problem with a file becomes `InvalidInput` for its field. Format and size are checked before any pixel is decoded,
so that a file of a few kilobytes cannot allocate gigabytes.
"""

import io
import struct
import warnings
from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
import PIL.Image

# Importing registers these formats. Without them, the first `open` imports all of Pillow's formats, over forty.
from PIL import TiffImagePlugin, WebPImagePlugin  # noqa: F401
from PIL.Image import Transpose

from interlock.plugin import InvalidInput

MAX_PIXELS = 50_000_000
"""Width times height. Phone cameras produce 48 megapixels, which take 200 MB when decoded."""

MAX_SIDE = 32_767
"""Maximum width and height in pixels: Tesseract's limit."""

MIME_TYPES: Mapping[str, str] = MappingProxyType(
    {
        "BMP": "image/bmp",
        "GIF": "image/gif",
        "JPEG": "image/jpeg",
        "PNG": "image/png",
        "TIFF": "image/tiff",
        "WEBP": "image/webp",
    }
)
"""The only formats that are opened. Others have side effects; Pillow's EPS, for example, starts Ghostscript."""

_MODES = frozenset({"1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr"})
_MODES_16_BIT = frozenset({"I;16", "I;16B", "I;16L", "I;16N"})

METADATA_ERRORS = (
    ArithmeticError, AttributeError, EOFError, LookupError, OSError, SyntaxError, TypeError, ValueError, struct.error
)  # fmt: skip
"""Exceptions that Pillow raises for malformed metadata. The image is accepted, because its pixels are valid."""

_ORIENTATION = 0x0112
"""The EXIF tag for the orientation of the camera (EXIF 2.32, section 4.6.4)."""

_UPRIGHT: Mapping[int, Transpose] = MappingProxyType(
    {
        2: Transpose.FLIP_LEFT_RIGHT,
        3: Transpose.ROTATE_180,
        4: Transpose.FLIP_TOP_BOTTOM,
        5: Transpose.TRANSPOSE,
        6: Transpose.ROTATE_270,
        7: Transpose.TRANSVERSE,
        8: Transpose.ROTATE_90,
    }
)
"""The transformation that turns each orientation upright; 1 is upright already."""


def open_image(content: bytes, field: str) -> PIL.Image.Image:
    """Decode an image, or the first frame of an animation. `field` is the JSON Pointer of the image in the input.

    Raise `InvalidInput` unless the whole file decodes.
    """
    if not content:
        raise InvalidInput(field, "is empty")
    try:
        with warnings.catch_warnings(action="ignore"):
            image = PIL.Image.open(io.BytesIO(content), formats=tuple(MIME_TYPES))
            _check_size(image.size, field)
            image.load()
    except (InvalidInput, MemoryError):
        raise
    except PIL.UnidentifiedImageError:
        raise InvalidInput(field, "is not a readable PNG, JPEG, WebP, GIF, TIFF or BMP image") from None
    except PIL.Image.DecompressionBombError:
        raise InvalidInput(field, f"has more than {MAX_PIXELS:,} pixels, the maximum") from None
    except Exception as error:  # decoders raise every kind of exception for malformed bytes
        raise InvalidInput(field, "is a damaged or truncated image") from error
    if image.mode not in _MODES | _MODES_16_BIT:
        raise InvalidInput(field, f"has the pixel mode {image.mode}; send grey, RGB or CMYK, 8 or 16 bits per channel")
    return image


def _check_size(size: tuple[int, int], field: str) -> None:
    width, height = size
    if width < 1 or height < 1:
        raise InvalidInput(field, "has no pixels")
    if width * height > MAX_PIXELS:
        raise InvalidInput(field, f"has {width} x {height} pixels; the maximum is {MAX_PIXELS:,}")
    if max(width, height) > MAX_SIDE:
        raise InvalidInput(field, f"has {width} x {height} pixels; the maximum per side is {MAX_SIDE:,}")


def format_name(image: PIL.Image.Image) -> str:
    """Return the key of `MIME_TYPES` for an opened image. Multi-picture JPEG (MPO, from phones) counts as JPEG."""
    return "JPEG" if image.format == "MPO" else str(image.format)


def as_gray(image: PIL.Image.Image) -> PIL.Image.Image:
    """Convert to mode L: upright by EXIF orientation, on a white background."""
    if image.has_transparency_data:
        layer = _with_alpha(image)
        # One channel at a time: in color, a large image would need 600 MB here.
        gray = PIL.Image.new("L", layer.size, "white")
        gray.paste(layer.convert("L"), mask=layer.getchannel("A"))
    else:
        gray = _eight_bit(image).convert("L")
    return _turned_as(image, gray)


def as_rgb(image: PIL.Image.Image) -> PIL.Image.Image:
    """Convert to mode RGB: upright by EXIF orientation, on a white background."""
    if image.has_transparency_data:
        layer = _with_alpha(image)
        rgb = PIL.Image.new("RGB", layer.size, "white")
        rgb.paste(layer, mask=layer)
    else:
        rgb = image if image.mode == "RGB" else _eight_bit(image).convert("RGB")
    return _turned_as(image, rgb)


def as_rgba(image: PIL.Image.Image) -> PIL.Image.Image:
    """Convert to mode RGBA if the image may have transparent parts, otherwise RGB: upright by EXIF orientation."""
    return _turned_as(image, _with_alpha(image)) if image.has_transparency_data else as_rgb(image)


def _with_alpha(image: PIL.Image.Image) -> PIL.Image.Image:
    """Return the image in mode RGBA, without a copy if it is already: a large copy takes 200 MB."""
    return image if image.mode == "RGBA" else _eight_bit(image).convert("RGBA")


def _eight_bit(image: PIL.Image.Image) -> PIL.Image.Image:
    """Scale 16-bit pixels to 8 bits. Pillow's own conversion clips every value over 255 to white."""
    if image.mode not in _MODES_16_BIT:
        return image
    return PIL.Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))


def _turned_as(source: PIL.Image.Image, image: PIL.Image.Image) -> PIL.Image.Image:
    """Turn `image` upright by the EXIF orientation of `source`."""
    try:
        with warnings.catch_warnings(action="ignore"):
            turn = _UPRIGHT.get(source.getexif().get(_ORIENTATION, 1))
    except METADATA_ERRORS:
        turn = None
    return image if turn is None else image.transpose(turn)
