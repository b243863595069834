"""Connected areas in a grid of cells."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

type Cells = list[tuple[int, int]]
"""Cells of an area as (row, column) pairs."""


def connected(mask: npt.NDArray[np.bool_]) -> Iterator[Cells]:
    """Yield the connected areas of set cells in the order of their first cell. Cells that touch at a corner connect.

    Linear in the number of set cells: each is removed from the set once.
    """
    left = dict.fromkeys(zip(*(axis.tolist() for axis in mask.nonzero()), strict=True))
    while left:
        first = next(iter(left))
        del left[first]
        area = [first]
        for row, column in area:  # the list grows during the iteration
            for neighbor in _around(row, column):
                if neighbor in left:
                    del left[neighbor]
                    area.append(neighbor)
        yield area


def _around(row: int, column: int) -> Iterator[tuple[int, int]]:
    for y in (row - 1, row, row + 1):
        for x in (column - 1, column, column + 1):
            yield y, x
