"""An example plugin in one file. Try it without packaging: `interlock dev --plugin examples/deskew.py`."""

import io
from typing import Annotated

import numpy as np
from PIL import Image, UnidentifiedImageError
from pydantic import BaseModel, ConfigDict, Field

from interlock.plugin import FileBytes, InvalidInput, Plugin, ToolContext, tool

WORKING_WIDTH = 1600
"""Width in pixels to which pages are scaled, so that small and large scans are measured with the same precision."""


class DeskewInput(BaseModel):
    """A page and the angles to try."""

    model_config = ConfigDict(extra="forbid")

    image: FileBytes = Field(description="A scanned page.")
    limit_deg: Annotated[float, Field(gt=0, le=45)] = Field(default=5, description="Tries -limit to +limit degrees.")
    step_deg: Annotated[float, Field(gt=0, le=5)] = Field(default=0.1, description="Step between angles, in degrees.")


class DeskewOutput(BaseModel):
    """The rotation of the page, counter-clockwise."""

    angle_deg: float
    angles_tried: int


class Deskew(Plugin):
    """Measures the rotation of a scanned page."""

    name, version, title = "deskew", "1.0.0", "Deskew"

    @tool(timeout_s=120, memory_mb=512)
    def measure(self, input: DeskewInput, context: ToolContext) -> DeskewOutput:
        """Find the angle at which the page's lines of text are separated most clearly."""
        page = _opened(input.image)
        angles = np.arange(-input.limit_deg, input.limit_deg + input.step_deg / 2, input.step_deg)
        # Compare the middle only: corners leave the picture during rotation.
        middle = (page.width // 10, page.height // 10, page.width * 9 // 10, page.height * 9 // 10)
        best, best_angle = -1.0, 0.0
        for number, angle in enumerate(angles):
            context.progress(number / len(angles), f"angle {number + 1} of {len(angles)}")
            turned = page.rotate(-angle, Image.Resampling.BILINEAR).crop(middle)
            rows = np.asarray(turned, dtype=np.float32).mean(axis=1)
            sharpness = float(np.square(np.diff(rows)).sum())
            if sharpness > best:
                best, best_angle = sharpness, float(angle)
        return DeskewOutput(angle_deg=round(best_angle, 3), angles_tried=len(angles))


def _opened(content: bytes) -> Image.Image:
    try:
        page = Image.open(io.BytesIO(content)).convert("L")
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, SyntaxError, ValueError) as error:
        raise InvalidInput("/image", "is not a readable image") from error
    return page.resize((WORKING_WIDTH, round(page.height * WORKING_WIDTH / page.width)))
