"""OKLab, a color space whose distances match perceived differences (Björn Ottosson, 2020)."""

import numpy as np
import numpy.typing as npt

type Floats = npt.NDArray[np.float64]

_TO_CONES = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
"""Matrix from linear sRGB to the response of the three kinds of cones in the eye."""

_TO_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)
"""Matrix from the cube root of that response to lightness, green-red and blue-yellow."""


def oklab(rgb: npt.ArrayLike) -> Floats:
    """Convert sRGB values (0 to 255, channels in the last axis) to OKLab: L from 0 to 1, a and b around 0."""
    encoded = np.asarray(rgb, dtype=np.float64) / 255
    # Undo the transfer function of sRGB (IEC 61966-2-1): the matrices apply to linear light.
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    lab: Floats = np.cbrt(linear @ _TO_CONES.T) @ _TO_LAB.T
    return lab


def nearest(colors: Floats, palette: Floats) -> npt.NDArray[np.intp]:
    """Return the index of the nearest palette color (m, 3) for each OKLab color (n, 3); ties go to the first."""
    # |c - p|² without |c|², which is the same for all p: two matrix products instead of an (n, m, 3) array.
    distances = (palette**2).sum(axis=1) - 2 * colors @ palette.T
    return distances.argmin(axis=1)
