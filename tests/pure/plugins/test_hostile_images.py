"""Every tool either accepts an image or reports the field and the reason, whatever is sent."""

import contextlib
import io
import struct
import tracemalloc
import warnings
import zlib
from collections.abc import Callable
from functools import cache
from typing import Any

import PIL.Image
import pytest

from interlock.plugin import InvalidInput, Plugin
from interlock_plugins import _images
from interlock_plugins.block_mapper import BlockMapper
from interlock_plugins.image import Image
from interlock_plugins.motion import Motion
from interlock_plugins.ocr import Ocr

FIELDS: list[tuple[type[Plugin], str, str]] = [
    (Ocr, "analyze", "image"),
    (Image, "inspect", "image"),
    (Image, "thumbnail", "image"),
    (Motion, "compare", "before"),
    (Motion, "compare", "after"),
    (BlockMapper, "analyze", "image"),
]


def file_of(image: PIL.Image.Image, format: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


NOISE = PIL.Image.effect_noise((64, 64), 80).convert("RGB")
SOUND = {name: file_of(NOISE, name) for name in _images.MIME_TYPES}


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


@cache
def png_that_unpacks(kind: bytes, size_mb: int) -> bytes:
    """Return a valid PNG with a small chunk of metadata that unpacks to `size_mb`."""
    compressor = zlib.compressobj(9)
    packed = b"".join(compressor.compress(bytes(1 << 20)) for _ in range(size_mb)) + compressor.flush()
    sound = SOUND["PNG"]
    after_header = 8 + 25
    return sound[:after_header] + _chunk(kind, b"x\0\0" + packed) + sound[after_header:]


def png_that_claims(width: int, height: int, data: bytes = b"") -> bytes:
    """Return a PNG of valid chunks whose header claims a size."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(data)) + _chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + pixels


def bmp_that_claims(width: int, height: int) -> bytes:
    return SOUND["BMP"][:18] + struct.pack("<ii", width, height) + SOUND["BMP"][26:]


def gif_that_claims(width: int, height: int) -> bytes:
    """Return an animation of tiny frames on a huge canvas."""
    frames = [PIL.Image.new("P", (2, 2), n) for n in range(50)]
    gif = file_of(frames[0], "GIF", save_all=True, append_images=frames[1:])
    return gif[:6] + struct.pack("<HH", width, height) + gif[10:]


def webp_that_claims(side: int) -> bytes:
    webp = file_of(NOISE, "WEBP", lossless=True)
    [bits] = struct.unpack("<I", webp[21:25])
    return webp[:21] + struct.pack("<I", bits & 0xF0000000 | side - 1 | side - 1 << 14) + webp[25:]


HOSTILE: dict[str, tuple[bytes, str]] = {
    "zero bytes": (b"", "is empty"),
    "text renamed to .png": (b"This is not an image, whatever its name says.\n", "not a readable"),
    "HTML": (b"<!doctype html><title>404</title>", "not a readable"),
    "PDF": (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "not a readable"),
    "EPS, which would start Ghostscript": (
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n",
        "not a readable",
    ),
    "SVG": (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "not a readable"),
    "an unsupported format": (file_of(NOISE, "PPM"), "not a readable"),
    "a PNG signature alone": (b"\x89PNG\r\n\x1a\n", "not a readable"),
    "a PNG with no pixels in it": (png_that_claims(64, 64), "damaged or truncated"),
    "a PNG with a flipped bit": (SOUND["PNG"][:200] + bytes([SOUND["PNG"][200] ^ 1]) + SOUND["PNG"][201:], "damaged"),
    "a PNG of 30,000 x 30,000": (png_that_claims(30_000, 30_000), "pixels"),
    "a PNG of the largest size there is": (png_that_claims(2**31 - 1, 2**31 - 1), "pixels"),
    "a PNG one pixel too large": (png_that_claims(50_000_001, 1), "50,000,000"),
    "a PNG of 40,000 x 1": (png_that_claims(40_000, 1, bytes(120_001)), "per side is 32,767"),
    "a PNG of 0 x 0": (png_that_claims(0, 0), ""),
    "a bomb of 8,000 x 8,000 that compresses well": (
        file_of(PIL.Image.new("1", (8000, 8000)), "PNG"),
        "8000 x 8000 pixels; the maximum is 50,000,000",
    ),
    "a BMP of 60,000 x 60,000": (bmp_that_claims(60_000, 60_000), "pixels"),
    "an animated GIF of 65,535 x 65,535": (gif_that_claims(65_535, 65_535), "pixels"),
    "an animated GIF of 9,000 x 9,000": (gif_that_claims(9_000, 9_000), "9000 x 9000"),
    "a WebP of 16,383 x 16,383": (webp_that_claims(16_383), "pixels"),
    "a TIFF of 32 bits a pixel": (file_of(PIL.Image.new("F", (8, 8)), "TIFF"), "mode F"),
    "a TIFF whose directory points to itself": (b"II*\0\x08\0\0\0\0\0\x08\0\0\0", ""),
    **{f"a {name} cut in half": (file[: len(file) // 2], "") for name, file in SOUND.items()},
    **{f"a {name} cut in its header": (file[:20], "") for name, file in SOUND.items()},
}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize(("plugin", "tool", "field"), FIELDS, ids=lambda value: getattr(value, "__name__", value))
def test_hostile_image_is_refused_with_field_and_reason(
    plugin: type[Plugin], tool: str, field: str, name: str, refusal: Callable[..., Any]
) -> None:
    content, reason = HOSTILE[name]
    other = {"before": SOUND["PNG"]} if field == "after" else {"after": SOUND["PNG"]} if field == "before" else {}
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        problem = refusal(plugin, tool, **{field: content}, **other)
    assert problem["path"] == f"/{field}"
    assert reason in problem["message"]
    assert "Traceback" not in problem["message"]
    assert "PIL" not in problem["message"]
    assert not warned


@pytest.mark.parametrize("name", [name for name, (_, reason) in HOSTILE.items() if "pixels" in reason])
def test_too_large_image_is_refused_before_decoding(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def decode(*_: object) -> None:
        pytest.fail("pixels were decoded")

    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", decode)
    with pytest.raises(Exception, match="pixels"):
        _images.open_image(HOSTILE[name][0], "/image")


@pytest.mark.parametrize("kind", [b"zTXt", b"iCCP"])
@pytest.mark.parametrize("tool", ["inspect", "thumbnail"])
def test_metadata_bombs_use_little_memory(kind: bytes, tool: str, run: Callable[..., Any]) -> None:
    bomb = png_that_unpacks(kind, 150)
    assert len(bomb) < 1 << 20
    tracemalloc.start()
    with contextlib.suppress(InvalidInput):
        run(Image, tool, image=bomb)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 100 * (1 << 20)


@pytest.mark.parametrize("format", SOUND)
def test_all_six_formats_are_accepted(format: str, run: Callable[..., Any]) -> None:
    result = run(Image, "inspect", image=SOUND[format])
    assert (result["format"], result["mime_type"]) == (format, _images.MIME_TYPES[format])
    assert (result["width"], result["height"]) == (64, 64)


def test_first_frame_of_an_animation_is_used(run: Callable[..., Any]) -> None:
    frames = [PIL.Image.new("RGB", (16, 16), color) for color in ("red", "lime", "blue")]
    gif = file_of(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert run(Image, "inspect", image=gif)["dominant_colors"] == [{"hex": "#ff0000", "share": 1.0}]


def test_multi_picture_jpeg_is_accepted_as_jpeg(run: Callable[..., Any]) -> None:
    mpo = file_of(NOISE, "MPO", save_all=True, append_images=[NOISE])
    assert run(Image, "inspect", image=mpo)["mime_type"] == "image/jpeg"
    run(Ocr, "analyze", image=mpo, mime_type="image/jpeg")


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("tool", ["inspect", "thumbnail"])
def test_image_with_damaged_metadata_is_accepted(name: str, tool: str, run: Callable[..., Any]) -> None:
    exif = b"Exif\0\0MM\0*\0\0\0\x08\xff\xff" + b"\x01\x12\0\x03\xff\xff\xff\xff" * 4
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        assert run(Image, tool, image=file_of(NOISE, name, exif=exif))["width"] == 64
    assert not warned


def test_failures_outside_the_image_are_not_input_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    def out_of_memory(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr("PIL.Image.open", out_of_memory)
    with pytest.raises(MemoryError):
        _images.open_image(SOUND["PNG"], "/image")
