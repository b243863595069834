"""Takes the shadows off a photographed page."""

import numpy as np
import PIL.Image
from PIL import ImageFilter

_CELLS = 96
"""Cells on the longer side of the map of the light: shadows are wide, so a coarse map holds them."""

_PAPER_WITHIN = 9
"""The paper is the brightest cell of so many in each direction: wide enough to see past a line of text."""

_DARKEST_PAPER = 102
"""Grey value that no shadow falls below. What is darker is ink or a dark background, and stays dark."""


def even_light(gray: PIL.Image.Image) -> PIL.Image.Image:
    """Divides an image of mode L by the brightness of the paper around each pixel: paper is white, ink keeps its share.

    Tesseract takes one threshold for the whole image. On a page with a shadow that loses the words in it.
    """
    cell = -(-max(gray.size) // _CELLS)
    light = gray.reduce(cell).filter(ImageFilter.MaxFilter(_PAPER_WITHIN))
    light = light.filter(ImageFilter.GaussianBlur(_PAPER_WITHIN / 2))
    paper = light.point(lambda value: max(value, _DARKEST_PAPER)).resize(gray.size, PIL.Image.Resampling.BILINEAR)
    # 255 * 255 fits 16 bits: half the memory of floats, which matters on a large scan.
    even = np.multiply(np.asarray(gray), 255, dtype=np.uint16)
    even //= np.asarray(paper)
    return PIL.Image.fromarray(np.minimum(even, 255).astype(np.uint8))
