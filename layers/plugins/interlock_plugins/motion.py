"""Plugin `motion`: find the areas that changed between two frames."""

import numpy as np
import numpy.typing as npt
import PIL.Image
from PIL import ImageChops, ImageFilter
from pydantic import BaseModel, Field

from interlock.plugin import FileBytes, InvalidInput, Plugin, ToolContext, tool
from interlock_plugins._images import as_rgb, open_image
from interlock_plugins._models import EXAMPLE_IMAGE, IMAGE_FILE, Box, Size, ToolInput
from interlock_plugins._regions import Cells, connected

_ENOUGH = 2048
"""Longer side in pixels at which frames are compared. Larger frames are averaged down, which also reduces noise."""

_BLUR = 2
"""Radius in pixels of the blur after which a change must still be visible. JPEG shifts colors along every edge."""

_CELLS = 128
"""Cells on the longer side of the grid that regions consist of. The search costs the same at 4K as at VGA."""

_MOVING_PART = 0.25
"""Share of a cell's pixels that must change for the cell to count; less is noise."""


class CompareInput(ToolInput):
    """Two frames of one camera with the same size."""

    before: FileBytes = Field(description=f"The earlier frame: a {IMAGE_FILE}.", examples=[EXAMPLE_IMAGE])
    after: FileBytes = Field(description="The later frame, of the same width and height.", examples=[EXAMPLE_IMAGE])
    threshold: float = Field(
        default=0.1,
        ge=0,
        lt=1,
        description="A pixel changed if one of its channels changed by more than this share of its range (0 to 1).",
        examples=[0.1],
    )
    min_area: float = Field(
        default=0.0005,
        ge=0,
        le=1,
        description="Regions that cover a smaller share of the frame (0 to 1) are ignored as noise.",
        examples=[0.0005],
    )


class Region(BaseModel):
    """A connected area that changed."""

    box: Box = Field(description="Bounding box of the area, in pixels of the frame.")
    area_share: float = Field(gt=0, le=1, description="Share of the frame that the area covers, from 0 to 1.")


class CompareOutput(BaseModel):
    """Whether and where the frames differ."""

    score: float = Field(ge=0, le=1, description="Share of the frame that changed; 0 if equal.", examples=[0.034])
    moving: bool = Field(description="True if there is at least one region.")
    regions: list[Region] = Field(description="Connected areas that changed, largest first.")


class Motion(Plugin):
    """Detects motion between frames."""

    name, version, title = "motion", "1.0.0", "Motion between two frames"
    description = "Compares two frames of a camera and returns boxes around the changes."

    @tool(timeout_s=20, memory_mb=1024, read_only=True, idempotent=True)
    def compare(self, input: CompareInput, context: ToolContext) -> CompareOutput:
        """Compare two frames and return boxes around the areas that changed."""
        before, size = _frame(input.before, "/before")
        context.progress(0.4, "decoded the first frame")
        after, size_after = _frame(input.after, "/after")
        context.progress(0.8, "decoded the second frame")
        if size_after != size:
            message = f"is {size_after.width} x {size_after.height} pixels, but /before is {size.width} x {size.height}"
            raise InvalidInput("/after", message)
        cells = _moving_cells(before, after, _cell(size), input.threshold)
        areas = [area for area in connected(cells) if len(area) >= input.min_area * cells.size]
        return CompareOutput(
            score=round(sum(map(len, areas)) / cells.size, 6),
            moving=bool(areas),
            regions=[_region(area, cells.size, size) for area in sorted(areas, key=len, reverse=True)],
        )


def _frame(content: bytes, field: str) -> tuple[PIL.Image.Image, Size]:
    """Return the frame in RGB, reduced if it is large, and its original size."""
    frame = as_rgb(open_image(content, field))
    size = Size(*frame.size)
    return frame.reduce(_shrink(size)), size


def _shrink(size: Size) -> int:
    """Return the factor by which a frame of `size` is reduced before the comparison."""
    return -(-max(size) // _ENOUGH)


def _cell(size: Size) -> int:
    """Return the side of a cell in pixels of the reduced frame."""
    return -(-max(size) // (_shrink(size) * _CELLS))


def _moving_cells(
    before: PIL.Image.Image, after: PIL.Image.Image, cell: int, threshold: float
) -> npt.NDArray[np.bool_]:
    """Return a grid over the frame that is set where enough of a cell's pixels changed."""
    blur = ImageFilter.BoxBlur(_BLUR)
    # Require both: the blurred frames separate changes from noise, the sharp frames locate their edges.
    change = ImageChops.darker(_change(before, after), _change(before.filter(blur), after.filter(blur)))
    changed = change.point([255 * (value > threshold * 255) for value in range(256)])
    return np.asarray(changed.reduce(cell)) >= _MOVING_PART * 255


def _change(before: PIL.Image.Image, after: PIL.Image.Image) -> PIL.Image.Image:
    """Return how much each pixel changed, in mode L: the maximum over its channels."""
    red, green, blue = ImageChops.difference(before, after).split()
    return ImageChops.lighter(ImageChops.lighter(red, green), blue)


def _region(area: Cells, cells: int, size: Size) -> Region:
    """Convert an area of a grid of `cells` cells to a region in a frame of `size`."""
    pitch = _shrink(size) * _cell(size)
    rows, columns = zip(*area, strict=True)
    box = Box.within(size, min(columns) * pitch, min(rows) * pitch, (max(columns) + 1) * pitch, (max(rows) + 1) * pitch)
    return Region(box=box, area_share=round(len(area) / cells, 6))
