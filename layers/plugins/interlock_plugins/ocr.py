"""Plugin `ocr`: recognize the text in an image with Tesseract."""

import math

import PIL.Image
from pydantic import BaseModel, Field

from interlock.plugin import FileBytes, InvalidInput, Plugin, ToolContext, tool
from interlock_plugins import _tesseract
from interlock_plugins._images import MIME_TYPES, as_gray, format_name, open_image
from interlock_plugins._lighting import even_light
from interlock_plugins._models import EXAMPLE_IMAGE, IMAGE_FILE, Box, Size, ToolInput

_DEFAULT_LANGUAGE = "eng"
_ONE_LANGUAGE = "(eng|deu|jpn)"

_ENOUGH_PIXELS = 16_000_000
"""A4 at 400 dpi. Larger images are read at half the size: their letters are large enough, and it takes a quarter of
the time."""

_SMALL_PIXELS = 2_000_000
"""Smaller images that were read badly are read again at twice the size: their letters may be too small."""

_READ_WELL = 0.9
"""Mean confidence above which there is no second reading. Clean print reaches 0.95."""

_MIME_ALIASES = {"image/jpg": "image/jpeg", "image/pjpeg": "image/jpeg", "image/x-png": "image/png",
                 "image/x-ms-bmp": "image/bmp", "image/tif": "image/tiff"}  # fmt: skip


class AnalyzeInput(ToolInput):
    """An image that contains text."""

    image: FileBytes = Field(description=f"The image to read: a {IMAGE_FILE}.", examples=[EXAMPLE_IMAGE])
    language: str = Field(
        default=_DEFAULT_LANGUAGE,
        pattern=rf"^{_ONE_LANGUAGE}(\+{_ONE_LANGUAGE}){{0,2}}$",
        description="Language of the text: eng, deu or jpn (ISO 639-2), or several joined by +, the main one first.",
        examples=["eng", "eng+deu"],
    )
    mime_type: str | None = Field(
        default=None,
        max_length=100,
        description="Expected MIME type. An image of another type is rejected.",
        examples=["image/png"],
    )


class RecognizedWord(BaseModel):
    """A word and its position."""

    text: str = Field(description="The recognized word, including punctuation.", examples=["coins"])
    confidence: float = Field(ge=0, le=1, description="Confidence of the engine, from 0 to 1.", examples=[0.96])
    box: Box = Field(description="Bounding box of the word in the upright image.")


class AnalyzeOutput(BaseModel):
    """The text of the image, complete and word by word."""

    text: str = Field(description="The text with line breaks; empty if there is none.", examples=["Let us begin."])
    words: list[RecognizedWord] = Field(description="The words in reading order.")
    mean_confidence: float = Field(ge=0, le=1, description="Mean confidence of the words; 0 if there are none.")
    language: str = Field(description="The language that was used for recognition.", examples=["eng"])
    width: int = Field(ge=1, description="Width of the upright image in pixels.", examples=[384])
    height: int = Field(ge=1, description="Height of the upright image in pixels.", examples=[191])


class Ocr(Plugin):
    """Recognizes text."""

    name, version, title = "ocr", "1.0.0", "Optical character recognition"
    description = "Reads printed text in English, German and Japanese."

    def setup(self) -> None:
        """Load the engine for the default language."""
        _tesseract.engine(_DEFAULT_LANGUAGE)

    @tool(timeout_s=20, memory_mb=512, read_only=True, idempotent=True)
    def analyze(self, input: AnalyzeInput, context: ToolContext) -> AnalyzeOutput:
        """Recognize the text in an image, with position and confidence of each word."""
        image = open_image(input.image, "/image")
        _check_mime_type(input.mime_type, format_name(image))
        gray = as_gray(image)
        del image  # up to 200 MB
        size = Size(*gray.size)
        context.progress(0.1, f"decoded {size.width} x {size.height} pixels")
        reading = _read(gray, "+".join(dict.fromkeys(input.language.split("+"))), context)
        context.progress(1, f"read {len(reading.words)} words")
        return AnalyzeOutput(
            text=reading.text,
            words=[_located(word, reading.size, size) for word in reading.words],
            mean_confidence=round(reading.confidence, 4),
            language=input.language,
            width=size.width,
            height=size.height,
        )


def _check_mime_type(claimed: str | None, name: str) -> None:
    """Raise `InvalidInput` if the image is of another MIME type than claimed. Parameters and case are ignored."""
    if claimed is None:
        return
    bare = claimed.partition(";")[0].strip().lower()
    if _MIME_ALIASES.get(bare, bare) != MIME_TYPES[name]:
        raise InvalidInput("/mime_type", f"is {claimed!r}, but the image is {MIME_TYPES[name]}")


def _read(gray: PIL.Image.Image, language: str, context: ToolContext) -> _tesseract.Reading:
    """Recognize the text at a size that suits the engine."""
    pixels = math.prod(gray.size)
    page = even_light(gray.reduce(2) if pixels > _ENOUGH_PIXELS else gray)
    context.progress(0.2, "reading")
    reading = _tesseract.read(page, language)
    if reading.confidence >= _READ_WELL or pixels > _SMALL_PIXELS:
        return reading
    context.progress(0.6, "reading again at twice the size")
    enlarged = page.resize((page.width * 2, page.height * 2), PIL.Image.Resampling.BICUBIC)
    return max(reading, _tesseract.read(enlarged, language), key=lambda candidate: candidate.confidence)


def _located(word: _tesseract.Word, read_at: Size, size: Size) -> RecognizedWord:
    """Return the word with its box scaled from the size of the reading to that of the image."""
    across, down = size.width / read_at.width, size.height / read_at.height
    left, top, right, bottom = word.edges
    box = Box.within(size, left * across, top * down, right * across, bottom * down)
    return RecognizedWord(text=word.text, confidence=round(word.confidence, 4), box=box)
