"""Base models and fields of the plugins' inputs and outputs. Their JSON Schemas are public documentation."""

from typing import NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field

EXAMPLE_IMAGE = (
    "iVBORw0KGgoAAAANSUhEUgAAAAgAAAAIAQMAAAD+wSzIAAAABlBMVEUgSoft1ACEaDF7AAAAGElEQVR42mNgYGBgsGFiYGJgYmBg"
    "YGAAAALUAEMQ6XlWAAAAAElFTkSuQmCC"
)
"""A complete PNG file of 8 x 8 pixels as base64, small enough for a schema. Every tool accepts it."""

IMAGE_FILE = "PNG, JPEG, WebP, GIF, TIFF or BMP file of at most 50 megapixels; of an animation, the first frame"
"""Accepted image files, for the descriptions of fields."""


class ToolInput(BaseModel):
    """Base class of inputs. Unknown fields are rejected, so that a misspelt name does not select a default."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Size(NamedTuple):
    """Width and height in pixels."""

    width: int
    height: int


class Box(BaseModel):
    """A rectangle in an image, in pixels from its top left corner."""

    x: int = Field(ge=0, description="Left edge, in pixels from the left edge of the image.", examples=[16])
    y: int = Field(ge=0, description="Top edge, in pixels from the top edge of the image.", examples=[8])
    width: int = Field(ge=1, description="Width in pixels.", examples=[64])
    height: int = Field(ge=1, description="Height in pixels.", examples=[12])

    @classmethod
    def within(cls, size: Size, left: float, top: float, right: float, bottom: float) -> Self:
        """Return the smallest box of whole pixels around these edges, clipped to an image of `size`."""
        x, y = min(max(int(left), 0), size.width - 1), min(max(int(top), 0), size.height - 1)
        width = min(max(-int(-right // 1) - x, 1), size.width - x)
        height = min(max(-int(-bottom // 1) - y, 1), size.height - y)
        return cls(x=x, y=y, width=width, height=height)
