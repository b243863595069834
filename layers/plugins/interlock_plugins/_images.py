"""Opens images that nobody vouches for, and turns them into what a tool works on.

Whatever is wrong with a file becomes `InvalidInput` for the field that it came in. Two checks come before the pixels
are decoded, so that a file of some kilobytes cannot take gigabytes: the format is one of six, and the size is bounded.
"""

import io
import struct
import warnings
from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
import PIL.Image

# Imported to be registered: without them, the first `open` imports all forty-odd formats of Pillow.
from PIL import TiffImagePlugin, WebPImagePlugin  # noqa: F401
from PIL.Image import Transpose

from interlock.plugin import InvalidInput

MAX_PIXELS = 50_000_000
"""Width times height. Phones make 48 megapixels; decoded, that is 200 MB."""

MAX_SIDE = 32_767
"""Of width and height each, in pixels: what Tesseract takes."""

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
"""The formats that are opened, and nothing else is: Pillow's EPS, for one, would start Ghostscript."""

_MODES = frozenset({"1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr"})
_MODES_16_BIT = frozenset({"I;16", "I;16B", "I;16L", "I;16N"})

METADATA_ERRORS = (
    ArithmeticError, AttributeError, EOFError, LookupError, OSError, SyntaxError, TypeError, ValueError, struct.error
)  # fmt: skip
"""What Pillow raises for hostile metadata. Such an image is taken all the same: its pixels are sound."""

_ORIENTATION = 0x0112
"""The EXIF tag that says how the camera was held (EXIF 2.32, section 4.6.4)."""

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
"""What undoes each orientation; 1 is upright."""


def open_image(content: bytes, field: str) -> PIL.Image.Image:
    """The decoded image, or the first frame of an animation. `field` is the JSON Pointer of the input that holds it.

    Raises `InvalidInput` for whatever does not decode from the first byte to the last pixel.
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
        raise InvalidInput(field, f"has over {MAX_PIXELS:,} pixels, the most that is taken") from None
    except Exception as error:  # there is none that hostile bytes do not raise in some decoder
        raise InvalidInput(field, "is an image that is damaged or cut short") from error
    if image.mode not in _MODES | _MODES_16_BIT:
        raise InvalidInput(field, f"has pixels of mode {image.mode}; send 8 or 16 bits per channel, grey, RGB or CMYK")
    return image


def _check_size(size: tuple[int, int], field: str) -> None:
    width, height = size
    if width < 1 or height < 1:
        raise InvalidInput(field, "has no pixels")
    if width * height > MAX_PIXELS:
        raise InvalidInput(field, f"has {width} x {height} pixels; at most {MAX_PIXELS:,} are taken")
    if max(width, height) > MAX_SIDE:
        raise InvalidInput(field, f"has {width} x {height} pixels; at most {MAX_SIDE:,} a side are taken")


def format_name(image: PIL.Image.Image) -> str:
    """The key of `MIME_TYPES` for an opened image. A multi-picture JPEG, which phones write, is a JPEG."""
    return "JPEG" if image.format == "MPO" else str(image.format)


def as_gray(image: PIL.Image.Image) -> PIL.Image.Image:
    """The picture as one sees it, in mode L: upright by its EXIF orientation, what is transparent white."""
    if image.has_transparency_data:
        layer = _with_alpha(image)
        # On one channel, since in colour this would hold 600 MB for a large image.
        gray = PIL.Image.new("L", layer.size, "white")
        gray.paste(layer.convert("L"), mask=layer.getchannel("A"))
    else:
        gray = _eight_bit(image).convert("L")
    return _turned_as(image, gray)


def as_rgb(image: PIL.Image.Image) -> PIL.Image.Image:
    """The picture as one sees it, in mode RGB: upright by its EXIF orientation, what is transparent white."""
    if image.has_transparency_data:
        layer = _with_alpha(image)
        rgb = PIL.Image.new("RGB", layer.size, "white")
        rgb.paste(layer, mask=layer)
    else:
        rgb = image if image.mode == "RGB" else _eight_bit(image).convert("RGB")
    return _turned_as(image, rgb)


def as_rgba(image: PIL.Image.Image) -> PIL.Image.Image:
    """The picture upright by its EXIF orientation, in mode RGBA if a part may be transparent, else RGB."""
    return _turned_as(image, _with_alpha(image)) if image.has_transparency_data else as_rgb(image)


def _with_alpha(image: PIL.Image.Image) -> PIL.Image.Image:
    """The image in mode RGBA: itself if it is, since a copy of a large one is 200 MB."""
    return image if image.mode == "RGBA" else _eight_bit(image).convert("RGBA")


def _eight_bit(image: PIL.Image.Image) -> PIL.Image.Image:
    """Scales 16 bits to 8, where Pillow would take everything over 255 for white."""
    if image.mode not in _MODES_16_BIT:
        return image
    return PIL.Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))


def _turned_as(source: PIL.Image.Image, image: PIL.Image.Image) -> PIL.Image.Image:
    """`image` turned upright by the orientation that the file of `source` states."""
    try:
        with warnings.catch_warnings(action="ignore"):
            turn = _UPRIGHT.get(source.getexif().get(_ORIENTATION, 1))
    except METADATA_ERRORS:
        turn = None
    return image if turn is None else image.transpose(turn)
