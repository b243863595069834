"""Remove shadows from a photographed page."""

import numpy as np
import PIL.Image
from PIL import ImageFilter

_CELLS = 96
"""Cells on the longer side of the brightness map. Shadows are wide, so a coarse map is enough."""

_PAPER_WITHIN = 9
"""Size in cells of the window whose brightest cell is taken for paper: wider than a line of text."""

_DARKEST_PAPER = 102
"""Lowest grey value of shaded paper. Darker areas are ink or background and stay dark."""


def even_light(gray: PIL.Image.Image) -> PIL.Image.Image:
    """Divide an image of mode L by the brightness of the paper around each pixel, so that all paper becomes white.

    Tesseract applies one threshold to the whole image, which loses the words in a shadow.
    """
    cell = -(-max(gray.size) // _CELLS)
    light = gray.reduce(cell).filter(ImageFilter.MaxFilter(_PAPER_WITHIN))
    light = light.filter(ImageFilter.GaussianBlur(_PAPER_WITHIN / 2))
    paper = light.point(lambda value: max(value, _DARKEST_PAPER)).resize(gray.size, PIL.Image.Resampling.BILINEAR)
    # 255 * 255 fits into 16 bits: half the memory of floats, which matters for a large scan.
    even = np.multiply(np.asarray(gray), 255, dtype=np.uint16)
    even //= np.asarray(paper)
    return PIL.Image.fromarray(np.minimum(even, 255).astype(np.uint8))
