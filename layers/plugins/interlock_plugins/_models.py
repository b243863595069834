"""What the plugins' inputs and outputs have in common. Their JSON Schemas are public documentation."""

from typing import NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field

EXAMPLE_IMAGE = (
    "iVBORw0KGgoAAAANSUhEUgAAAAgAAAAIAQMAAAD+wSzIAAAABlBMVEUgSoft1ACEaDF7AAAAGElEQVR42mNgYGBgsGFiYGJgYmBg"
    "YGAAAALUAEMQ6XlWAAAAAElFTkSuQmCC"
)
"""A whole PNG file of 8 by 8 pixels as base64: small enough for a schema, and every tool takes it."""

IMAGE_FILE = "PNG, JPEG, WebP, GIF, TIFF or BMP file of at most 50 megapixels; of an animation, the first frame"
"""What a field that is an image takes, in the words of its description."""


class ToolInput(BaseModel):
    """Base of the inputs: a misspelt field is an error, not a default."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Size(NamedTuple):
    """Width and height in pixels."""

    width: int
    height: int


class Box(BaseModel):
    """A rectangle in an image, in pixels from its top left corner."""

    x: int = Field(ge=0, description="Distance of the left edge from the image's left edge, in pixels.", examples=[16])
    y: int = Field(ge=0, description="Distance of the top edge from the image's top edge, in pixels.", examples=[8])
    width: int = Field(ge=1, description="Width in pixels.", examples=[64])
    height: int = Field(ge=1, description="Height in pixels.", examples=[12])

    @classmethod
    def within(cls, size: Size, left: float, top: float, right: float, bottom: float) -> Self:
        """The smallest box of whole pixels around these edges that lies within an image of `size`."""
        x, y = min(max(int(left), 0), size.width - 1), min(max(int(top), 0), size.height - 1)
        width = min(max(-int(-right // 1) - x, 1), size.width - x)
        height = min(max(-int(-bottom // 1) - y, 1), size.height - y)
        return cls(x=x, y=y, width=width, height=height)
