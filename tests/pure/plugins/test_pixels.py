"""Opened images are normalized: upright, on white, in 8 bits."""

from collections.abc import Callable

import numpy as np
import PIL.Image
import pytest

from interlock_plugins._images import as_gray, as_rgb, as_rgba, open_image

pytestmark = pytest.mark.filterwarnings("error")

type Encode = Callable[..., bytes]

CORNERS = PIL.Image.fromarray(np.array([[0, 85], [170, 255], [255, 0]], dtype=np.uint8))
"""Three rows of two pixels, different in each of the eight orientations."""

STORED = {
    1: CORNERS,
    2: CORNERS.transpose(PIL.Image.Transpose.FLIP_LEFT_RIGHT),
    3: CORNERS.transpose(PIL.Image.Transpose.ROTATE_180),
    4: CORNERS.transpose(PIL.Image.Transpose.FLIP_TOP_BOTTOM),
    5: CORNERS.transpose(PIL.Image.Transpose.TRANSPOSE),
    6: CORNERS.transpose(PIL.Image.Transpose.ROTATE_90),
    7: CORNERS.transpose(PIL.Image.Transpose.TRANSVERSE),
    8: CORNERS.transpose(PIL.Image.Transpose.ROTATE_270),
}
"""The stored form of `CORNERS` by EXIF orientation (EXIF 2.32, section 4.6.4)."""


@pytest.mark.parametrize("orientation", STORED)
@pytest.mark.parametrize("format", ["PNG", "TIFF", "WEBP"])
def test_image_is_turned_upright(orientation: int, format: str, encoded: Encode) -> None:
    exif = PIL.Image.Exif()
    exif[0x0112] = orientation
    options = {"exif": exif} | ({"lossless": True} if format == "WEBP" else {})
    image = open_image(encoded(STORED[orientation], format, **options), "/image")
    assert as_gray(image).tobytes() == CORNERS.tobytes()
    assert as_gray(image).size == (2, 3)
    assert as_rgb(image).tobytes() == CORNERS.convert("RGB").tobytes()


def test_invalid_orientation_is_ignored(encoded: Encode) -> None:
    exif = PIL.Image.Exif()
    exif[0x0112] = 99
    assert as_gray(open_image(encoded(CORNERS, exif=exif), "/image")).tobytes() == CORNERS.tobytes()


@pytest.mark.parametrize("mode", ["LA", "RGBA", "PA"])
def test_transparent_pixels_become_white(mode: str, encoded: Encode) -> None:
    black, clear = (0, 0, 0, 255), (0, 0, 0, 0)
    image = PIL.Image.new("RGBA", (2, 1), clear)
    image.putpixel((0, 0), black)
    file = encoded(image.quantize(2)) if mode == "PA" else encoded(image.convert(mode))
    opened = open_image(file, "/image")
    assert as_gray(opened).tobytes() == b"\x00\xff"
    assert as_rgb(opened).tobytes() == b"\x00\x00\x00\xff\xff\xff"
    assert as_rgba(opened).mode == "RGBA"


@pytest.mark.parametrize("format", ["PNG", "TIFF"])
def test_sixteen_bits_are_scaled_and_not_clipped(format: str, encoded: Encode) -> None:
    image = PIL.Image.fromarray(np.array([[0, 300, 0x8000, 0xFFFF]], dtype=np.uint16))
    opened = open_image(encoded(image, format), "/image")
    assert as_gray(opened).tobytes() == bytes([0, 1, 128, 255])
    assert as_rgb(opened).getpixel((2, 0)) == (128, 128, 128)


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "CMYK", "YCbCr"])
def test_all_common_pixel_formats_are_accepted(mode: str, encoded: Encode) -> None:
    image = PIL.Image.new("RGB", (8, 8), "white").convert(mode)
    opened = open_image(encoded(image, "TIFF" if mode in {"CMYK", "YCbCr"} else "PNG"), "/image")
    assert as_gray(opened).getextrema() == (255, 255)
    assert as_rgb(opened).mode == as_rgba(opened).mode == "RGB"
