"""The perceptual hash of a picture."""

import numpy as np
import PIL.Image

_SAMPLES = 32
"""Pixels a side that the picture is shrunk to."""

_FREQUENCIES = 8
"""Lowest frequencies kept in each direction: 64 bits."""


def perceptual_hash(gray: PIL.Image.Image) -> str:
    """The 64-bit pHash of an image of mode L as 16 hex digits.

    Pictures that look alike differ in few bits: up to 10 is the usual bound. Same bits as `imagehash.phash`.
    """
    samples = np.asarray(gray.resize((_SAMPLES, _SAMPLES), PIL.Image.Resampling.LANCZOS), dtype=np.float64)
    # The discrete cosine transform (DCT-II) as a product of matrices, for the low frequencies alone.
    frequency, position = np.arange(_FREQUENCIES)[:, None], np.arange(_SAMPLES)[None, :]
    cosines = np.cos(np.pi * frequency * (2 * position + 1) / (2 * _SAMPLES))
    # Rounded, or the noise of the last digits would decide the bits of a plain picture.
    spectrum = (cosines @ samples @ cosines.T).round(6)
    bits = (spectrum > np.median(spectrum)).ravel()
    return np.packbits(bits).tobytes().hex()
