"""Plugin `block_mapper`: map a picture to a grid of named blocks."""

from collections import Counter

import numpy as np
import PIL.Image
import PIL.ImageColor
from pydantic import BaseModel, Field

from interlock.plugin import FileBytes, Plugin, ToolContext, tool
from interlock_plugins._blocks import BLOCKS
from interlock_plugins._images import as_rgb, open_image
from interlock_plugins._models import EXAMPLE_IMAGE, IMAGE_FILE, Size, ToolInput
from interlock_plugins._oklab import nearest, oklab

_MOST = 256
"""Maximum blocks per side. A full grid of names is about 1 MB of JSON."""

_NAMES = tuple(BLOCKS)
_COLORS = oklab([PIL.ImageColor.getrgb(color)[:3] for color in BLOCKS.values()])


class AnalyzeInput(ToolInput):
    """A picture and the size of its grid of blocks."""

    image: FileBytes = Field(description=f"The picture: a {IMAGE_FILE}.", examples=[EXAMPLE_IMAGE])
    width: int = Field(default=32, ge=1, le=_MOST, description="Number of blocks across.", examples=[32])
    height: int | None = Field(
        default=None,
        ge=1,
        le=_MOST,
        description=f"Number of blocks down. By default it follows from the picture's proportions, up to {_MOST}.",
        examples=[24],
    )


class AnalyzeOutput(BaseModel):
    """The grid of blocks."""

    width: int = Field(ge=1, le=_MOST, description="Number of blocks across.", examples=[2])
    height: int = Field(ge=1, le=_MOST, description="Number of blocks down.", examples=[2])
    blocks: list[list[str]] = Field(
        description="Block names by row, from top to bottom and from left to right.",
        examples=[[["stone", "sand"], ["sand", "sand"]]],
    )
    counts: dict[str, int] = Field(
        description="Number of blocks of each name, most frequent first.", examples=[{"sand": 3, "stone": 1}]
    )


class BlockMapper(Plugin):
    """Maps pictures to blocks."""

    name, version, title = "block_mapper", "1.0.0", "Pictures as blocks"
    description = f"Maps a picture to a grid of {len(BLOCKS)} named blocks by nearest color."

    @tool(timeout_s=20, memory_mb=1024, read_only=True, idempotent=True)
    def analyze(self, input: AnalyzeInput, context: ToolContext) -> AnalyzeOutput:
        """Map a picture to a grid of named blocks by the nearest perceived color."""
        picture = as_rgb(open_image(input.image, "/image"))
        context.progress(0.5, f"decoded {picture.width} x {picture.height} pixels")
        grid = _grid(Size(*picture.size), input)
        # The box filter gives each block the mean of exactly the pixels that it covers.
        means = np.asarray(picture.resize(grid, PIL.Image.Resampling.BOX)).reshape(-1, 3)
        names = [_NAMES[index] for index in nearest(oklab(means), _COLORS).tolist()]
        return AnalyzeOutput(
            width=grid.width,
            height=grid.height,
            blocks=[names[start : start + grid.width] for start in range(0, len(names), grid.width)],
            counts=dict(Counter(names).most_common()),
        )


def _grid(picture: Size, input: AnalyzeInput) -> Size:
    """Return the size of the grid in blocks."""
    in_proportion = round(input.width * picture.height / picture.width)
    return Size(input.width, input.height or min(max(in_proportion, 1), _MOST))
