"""The plugin `block_mapper`: rebuilds a picture of named blocks."""

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
"""Blocks a side: a full grid of names is about 1 MB of JSON."""

_NAMES = tuple(BLOCKS)
_COLORS = oklab([PIL.ImageColor.getrgb(color)[:3] for color in BLOCKS.values()])


class AnalyzeInput(ToolInput):
    """A picture, and how many blocks to build it of."""

    image: FileBytes = Field(description=f"The picture: a {IMAGE_FILE}.", examples=[EXAMPLE_IMAGE])
    width: int = Field(default=32, ge=1, le=_MOST, description="Blocks across.", examples=[32])
    height: int | None = Field(
        default=None,
        ge=1,
        le=_MOST,
        description=f"Blocks down. Left out, it follows from the picture's proportions, up to {_MOST}.",
        examples=[24],
    )


class AnalyzeOutput(BaseModel):
    """The grid of blocks."""

    width: int = Field(ge=1, le=_MOST, description="Blocks across.", examples=[2])
    height: int = Field(ge=1, le=_MOST, description="Blocks down.", examples=[2])
    blocks: list[list[str]] = Field(
        description="Names of the blocks, row by row from the top, each row from the left.",
        examples=[[["stone", "sand"], ["sand", "sand"]]],
    )
    counts: dict[str, int] = Field(
        description="How many of each block it takes, the most frequent first.", examples=[{"sand": 3, "stone": 1}]
    )


class BlockMapper(Plugin):
    """Pictures of blocks."""

    name, version, title = "block_mapper", "1.0.0", "Pictures as blocks"
    description = f"Maps a picture to a grid of {len(BLOCKS)} named blocks by nearest colour."

    @tool(timeout_s=20, memory_mb=1024)
    def analyze(self, input: AnalyzeInput, context: ToolContext) -> AnalyzeOutput:
        """Maps a picture to a grid of named blocks, each the nearest to its part of the picture as the eye sees it."""
        picture = as_rgb(open_image(input.image, "/image"))
        context.progress(0.5, f"decoded {picture.width} x {picture.height} pixels")
        grid = _grid(Size(*picture.size), input)
        # Box: each block gets the mean of exactly the pixels that it stands for.
        means = np.asarray(picture.resize(grid, PIL.Image.Resampling.BOX)).reshape(-1, 3)
        names = [_NAMES[index] for index in nearest(oklab(means), _COLORS).tolist()]
        return AnalyzeOutput(
            width=grid.width,
            height=grid.height,
            blocks=[names[start : start + grid.width] for start in range(0, len(names), grid.width)],
            counts=dict(Counter(names).most_common()),
        )


def _grid(picture: Size, input: AnalyzeInput) -> Size:
    """Blocks across and down."""
    in_proportion = round(input.width * picture.height / picture.width)
    return Size(input.width, input.height or min(max(in_proportion, 1), _MOST))
