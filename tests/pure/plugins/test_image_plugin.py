"""The plugin `image`: properties of images, and thumbnails."""

import base64
import io
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import PIL.Image
import pytest
from PIL import ImageEnhance, ImageOps
from PIL.TiffImagePlugin import IFDRational

from interlock_plugins.image import Image

type Run = Callable[..., Any]
type Encode = Callable[..., bytes]


@pytest.fixture
def astronaut(image_file: Run) -> PIL.Image.Image:
    return PIL.Image.open(io.BytesIO(image_file("astronaut.png")))


def differing_bits(one: str, other: str) -> int:
    return (int(one, 16) ^ int(other, 16)).bit_count()


def decoded(thumbnail: Any) -> PIL.Image.Image:
    image = PIL.Image.open(io.BytesIO(base64.b64decode(thumbnail["image"], validate=True)))
    image.load()
    return image


class TestInspect:
    def test_properties_of_a_photograph_are_reported(self, run: Run, image_file: Run) -> None:
        facts = run(Image, "inspect", image=image_file("astronaut.png"))
        assert facts.items() >= {
            "format": "PNG", "mime_type": "image/png", "width": 256, "height": 256, "mode": "RGB", "exif": {}
        }.items()  # fmt: skip
        assert facts["perceptual_hash"] == "c2924c5532bddfc8"  # as computed by `phash` of ImageHash 4.3.2
        # The darkest color covers the helmet and the background: a quarter of the image.
        shares = {color["hex"]: color["share"] for color in facts["dominant_colors"]}
        assert len(shares) == 5
        assert sum(shares.values()) == pytest.approx(1, abs=0.001)
        assert list(shares.values()) == sorted(shares.values(), reverse=True)
        darkest = min(shares, key=lambda color: int(color[1:3], 16))
        assert shares[darkest] == pytest.approx(0.26, abs=0.03)

    @pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "LA"])
    def test_pixel_format_is_reported(self, mode: str, run: Run, encoded: Encode) -> None:
        assert run(Image, "inspect", image=encoded(PIL.Image.new(mode, (5, 3))))["mode"] == mode

    def test_size_is_the_stored_one_before_rotation(self, run: Run, encoded: Encode) -> None:
        exif = PIL.Image.Exif()
        exif[0x0112] = 6
        facts = run(Image, "inspect", image=encoded(PIL.Image.new("RGB", (5, 3)), "JPEG", exif=exif))
        assert (facts["width"], facts["height"], facts["exif"]["Orientation"]) == (5, 3, 6)

    def test_exact_colors_are_reported_with_their_shares(self, run: Run, encoded: Encode) -> None:
        flag = PIL.Image.new("RGB", (1280, 1024), "#0000ff")
        flag.paste("#ffff00", (0, 0, 1280, 256))
        flag.paste("#ff0000", (0, 0, 640, 128))
        assert run(Image, "inspect", image=encoded(flag))["dominant_colors"] == [
            {"hex": "#0000ff", "share": 0.75},
            {"hex": "#ffff00", "share": 0.1875},
            {"hex": "#ff0000", "share": 0.0625},
        ]

    @pytest.mark.parametrize("most", [1, 2, 16])
    def test_requested_number_of_colors_is_reported(self, most: int, run: Run, image_file: Run) -> None:
        found = run(Image, "inspect", image=image_file("astronaut.png"), colors=most)["dominant_colors"]
        assert len(found) == most

    @pytest.mark.parametrize("most", [0, 17, -1, "many"])
    def test_number_of_colors_is_bounded(self, most: object, refusal: Run, image_file: Run) -> None:
        assert refusal(Image, "inspect", image=image_file("astronaut.png"), colors=most)["path"] == "/colors"


class TestPerceptualHash:
    @pytest.mark.parametrize("side", [64, 128, 512, 777])
    def test_hash_hardly_depends_on_the_size(
        self, side: int, run: Run, encoded: Encode, astronaut: PIL.Image.Image
    ) -> None:
        of = [
            run(Image, "inspect", image=encoded(image))["perceptual_hash"]
            for image in (astronaut, astronaut.resize((side, side)))
        ]
        assert differing_bits(*of) <= 4

    def test_hash_hardly_depends_on_format_quality_and_brightness(
        self, run: Run, encoded: Encode, astronaut: PIL.Image.Image
    ) -> None:
        original = run(Image, "inspect", image=encoded(astronaut))["perceptual_hash"]
        for file in (
            encoded(astronaut, "JPEG", quality=40),
            encoded(astronaut, "WEBP", quality=40),
            encoded(ImageEnhance.Brightness(astronaut).enhance(0.8)),
            encoded(astronaut.convert("L")),
        ):
            assert differing_bits(original, run(Image, "inspect", image=file)["perceptual_hash"]) <= 6

    def test_hash_differs_for_other_images(
        self, run: Run, image_file: Run, encoded: Encode, astronaut: PIL.Image.Image
    ) -> None:
        files = [
            *(image_file(name) for name in ("astronaut.png", "page.png", "frame-1.png")),
            encoded(ImageOps.mirror(astronaut)),
            encoded(ImageOps.invert(astronaut)),
        ]
        hashes = [run(Image, "inspect", image=file)["perceptual_hash"] for file in files]
        for n, one in enumerate(hashes):
            assert all(differing_bits(one, other) >= 20 for other in hashes[:n])

    def test_hash_is_that_of_the_upright_image(self, run: Run, encoded: Encode, astronaut: PIL.Image.Image) -> None:
        exif = PIL.Image.Exif()
        exif[0x0112] = 8
        turned = encoded(astronaut.rotate(-90), exif=exif)
        upright = run(Image, "inspect", image=encoded(astronaut))
        assert run(Image, "inspect", image=turned)["perceptual_hash"] == upright["perceptual_hash"]

    @pytest.mark.parametrize("shade", [1, 77, 128, 255])
    def test_hash_of_a_plain_image_is_constant(self, shade: int, run: Run, encoded: Encode) -> None:
        image = PIL.Image.new("L", (37, 61), shade)
        assert run(Image, "inspect", image=encoded(image))["perceptual_hash"] == "8000000000000000"


class TestExif:
    @staticmethod
    def inspected(run: Run, encoded: Encode, exif: PIL.Image.Exif, format: str = "JPEG") -> Any:
        return run(Image, "inspect", image=encoded(PIL.Image.new("RGB", (8, 8)), format, exif=exif))["exif"]

    @pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
    def test_exif_values_are_plain_json(self, format: str, run: Run, encoded: Encode) -> None:
        exif = PIL.Image.Exif()
        exif[0x010F] = "Maker"
        exif[0x0112] = 1
        camera = exif.get_ifd(0x8769)
        camera[0x829A] = IFDRational(1, 125)  # ExposureTime
        camera[0x829D] = IFDRational(28, 10)  # FNumber
        camera[0x9000] = b"0232"  # ExifVersion
        camera[0x8827] = 200  # ISOSpeedRatings
        place = exif.get_ifd(0x8825)
        place[1] = "N"  # GPSLatitudeRef
        place[2] = (52.0, 30.0, float(Fraction(36, 10)))  # GPSLatitude
        assert self.inspected(run, encoded, exif, format) == {
            "Make": "Maker",
            "Orientation": 1,
            "ExposureTime": 0.008,
            "FNumber": 2.8,
            "ExifVersion": "0232",
            "ISOSpeedRatings": 200,
            "GPSLatitudeRef": "N",
            "GPSLatitude": [52.0, 30.0, 3.6],
        }

    def test_exif_values_that_json_cannot_represent_are_omitted(self, run: Run, encoded: Encode) -> None:
        exif = PIL.Image.Exif()
        exif[0x010F] = "Maker"
        exif[0x0110] = "x" * 5000  # Model, absurdly long
        camera = exif.get_ifd(0x8769)
        camera[0x829A] = IFDRational(1, 0)  # ExposureTime, infinite
        camera[0x927C] = b"\x01\x02" * 100  # MakerNote
        assert self.inspected(run, encoded, exif) == {"Make": "Maker"}

    def test_unknown_exif_tags_are_named_by_number(self, run: Run, encoded: Encode) -> None:
        exif = PIL.Image.Exif()
        exif[0xFDE8] = b"\xff\x00"
        exif[0xFDEA] = "text"
        found = self.inspected(run, encoded, exif)
        assert found == {"0xfde8": "ff00", "0xfdea": "text"}

    def test_number_of_exif_tags_is_bounded(self, run: Run, encoded: Encode) -> None:
        exif = PIL.Image.Exif()
        for tag in range(0xD000, 0xD000 + 2000):
            exif[tag] = 7
        assert len(self.inspected(run, encoded, exif)) == 500


class TestThumbnail:
    @pytest.mark.parametrize(
        ("size", "asked", "expected"),
        [
            ((256, 256), {}, (256, 256)),
            ((256, 256), {"width": 100}, (100, 100)),
            ((300, 200), {"width": 150, "height": 150}, (150, 100)),
            ((200, 300), {"width": 150, "height": 150, "format": "WEBP"}, (100, 150)),
            ((300, 200), {"width": 2048, "height": 40, "format": "WEBP"}, (60, 40)),
            ((20, 10), {"width": 2048, "height": 2048}, (20, 10)),
            ((3000, 2), {"width": 30, "height": 30}, (30, 1)),
        ],
    )
    def test_thumbnail_fits_the_requested_size_in_proportion(
        self, size: tuple[int, int], asked: dict[str, Any], expected: tuple[int, int], run: Run, encoded: Encode
    ) -> None:
        made = run(Image, "thumbnail", image=encoded(PIL.Image.new("RGB", size, "teal")), **asked)
        image = decoded(made)
        assert image.size == (made["width"], made["height"]) == expected
        wanted = asked.get("format", "PNG")
        assert (image.format, made["mime_type"]) == (wanted, f"image/{wanted.lower()}")
        assert image.convert("RGB").resize((1, 1)).getpixel((0, 0)) == pytest.approx((0, 128, 128), abs=3)

    def test_thumbnail_looks_like_the_image(self, run: Run, image_file: Run, astronaut: PIL.Image.Image) -> None:
        made = run(Image, "thumbnail", image=image_file("astronaut.png"), width=64, height=64)
        hashes = [
            run(Image, "inspect", image=file)["perceptual_hash"]
            for file in (image_file("astronaut.png"), base64.b64decode(made["image"]))
        ]
        assert differing_bits(*hashes) <= 4

    def test_thumbnail_is_upright_and_has_no_metadata(self, run: Run, encoded: Encode) -> None:
        picture = PIL.Image.new("RGB", (60, 20), "blue")
        picture.paste("red", (0, 0, 30, 20))
        exif = PIL.Image.Exif()
        exif[0x0112] = 6  # to be rotated clockwise: the left of the stored image is the top of the visible one
        exif.get_ifd(0x8825)[1] = "N"
        file = encoded(picture, exif=exif, icc_profile=b"not a profile" * 100)
        made = decoded(run(Image, "thumbnail", image=file, width=30, height=30))
        assert made.size == (10, 30)
        assert made.getpixel((5, 3)) == (255, 0, 0)
        assert made.getpixel((5, 27)) == (0, 0, 255)
        assert not made.getexif()
        assert not made.info.keys() & {"exif", "icc_profile"}

    @pytest.mark.parametrize("format", ["PNG", "WEBP"])
    @pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
    def test_thumbnail_keeps_transparency(self, format: str, mode: str, run: Run, encoded: Encode) -> None:
        picture = PIL.Image.new("RGBA", (64, 64), (255, 255, 255, 255))
        picture.paste((0, 0, 0, 0), (0, 0, 32, 64))
        stored = picture.quantize(2) if mode == "P" else picture.convert(mode)
        made = decoded(run(Image, "thumbnail", image=encoded(stored), width=16, format=format))
        alpha = made.convert("RGBA").getchannel("A")
        assert (alpha.getpixel((2, 8)), alpha.getpixel((13, 8))) == (0, 255)

    @pytest.mark.parametrize(
        ("field", "value"),
        [("width", 0), ("width", 2049), ("height", -1), ("height", 1.5), ("format", "JPEG"), ("format", "png")],
    )
    def test_requested_sizes_are_bounded(self, field: str, value: object, refusal: Run, image_file: Run) -> None:
        problem = refusal(Image, "thumbnail", image=image_file("astronaut.png"), **{field: value})
        assert problem["path"] == f"/{field}"
