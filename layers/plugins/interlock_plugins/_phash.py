"""Perceptual hash of a picture."""

import numpy as np
import PIL.Image

_SAMPLES = 32
"""Side in pixels of the reduced picture."""

_FREQUENCIES = 8
"""Number of lowest frequencies kept in each direction; together they are 64 bits."""


def perceptual_hash(gray: PIL.Image.Image) -> str:
    """Return the 64-bit pHash of an image of mode L as 16 hex digits.

    Similar pictures differ in few bits; 10 is the usual threshold. The bits equal those of `imagehash.phash`.
    """
    samples = np.asarray(gray.resize((_SAMPLES, _SAMPLES), PIL.Image.Resampling.LANCZOS), dtype=np.float64)
    # The discrete cosine transform (DCT-II) as a matrix product, for the low frequencies only.
    frequency, position = np.arange(_FREQUENCIES)[:, None], np.arange(_SAMPLES)[None, :]
    cosines = np.cos(np.pi * frequency * (2 * position + 1) / (2 * _SAMPLES))
    # Without rounding, noise in the last digits would decide the bits of a uniform picture.
    spectrum = (cosines @ samples @ cosines.T).round(6)
    bits = (spectrum > np.median(spectrum)).ravel()
    return np.packbits(bits).tobytes().hex()
