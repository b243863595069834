"""Plugin `image`: describe images and create thumbnails."""

import io
from typing import Literal

import PIL.Image
from pydantic import BaseModel, Field, JsonValue

from interlock.plugin import FileBytes, Plugin, ToolContext, tool
from interlock_plugins._exif import exif_values
from interlock_plugins._images import MIME_TYPES, as_gray, as_rgb, as_rgba, format_name, open_image
from interlock_plugins._models import EXAMPLE_IMAGE, IMAGE_FILE, ToolInput
from interlock_plugins._phash import perceptual_hash

_MAX_THUMBNAIL = 2048
"""Maximum side in pixels. Most PNG files of that size fit into a response."""

_COLOR_SAMPLES = 256
"""Side in pixels of the sample that dominant colors are computed from."""


class InspectInput(ToolInput):
    """An image to describe."""

    image: FileBytes = Field(description=f"The image: a {IMAGE_FILE}.", examples=[EXAMPLE_IMAGE])
    colors: int = Field(default=5, ge=1, le=16, description="Maximum number of dominant colors.", examples=[5])


class DominantColor(BaseModel):
    """A color and the share of the picture that has it or a similar one."""

    hex: str = Field(pattern="^#[0-9a-f]{6}$", description="sRGB color in CSS notation.", examples=["#1b2a49"])
    share: float = Field(ge=0, le=1, description="Share of the picture's area, from 0 to 1.", examples=[0.42])


class InspectOutput(BaseModel):
    """Properties of the image."""

    format: Literal["BMP", "GIF", "JPEG", "PNG", "TIFF", "WEBP"] = Field(description="The file's actual format.")
    mime_type: str = Field(description="The MIME type of that format.", examples=["image/jpeg"])
    width: int = Field(ge=1, description="Width in pixels as stored, before EXIF orientation.", examples=[512])
    height: int = Field(ge=1, description="Height in pixels as stored, before EXIF orientation.", examples=[512])
    mode: str = Field(description="Pillow's name for the pixel format, such as L, RGB, RGBA or P.", examples=["RGB"])
    exif: dict[str, JsonValue] = Field(
        description="EXIF tags by name, including GPS; rational numbers as decimals. Empty without EXIF data.",
        examples=[{"Model": "X100", "FNumber": 2.8, "ISOSpeedRatings": 200}],
    )
    dominant_colors: list[DominantColor] = Field(
        min_length=1, description="Representative colors of the picture, most frequent first."
    )
    perceptual_hash: str = Field(
        pattern="^[0-9a-f]{16}$",
        description="pHash, 64 bits in hex: similar pictures differ in few bits, regardless of size.",
        examples=["bad41a5b0e2d6793"],
    )


class ThumbnailInput(ToolInput):
    """An image and the maximum size of its thumbnail."""

    image: FileBytes = Field(description=f"The image: a {IMAGE_FILE}.", examples=[EXAMPLE_IMAGE])
    width: int = Field(default=256, ge=1, le=_MAX_THUMBNAIL, description="Maximum width in pixels.", examples=[256])
    height: int = Field(default=256, ge=1, le=_MAX_THUMBNAIL, description="Maximum height in pixels.", examples=[256])
    format: Literal["PNG", "WEBP"] = Field(default="PNG", description="Format of the thumbnail.", examples=["WEBP"])


class ThumbnailOutput(BaseModel):
    """A thumbnail: upright, with the original proportions and without metadata."""

    image: FileBytes = Field(description="The thumbnail file.", examples=[EXAMPLE_IMAGE])
    mime_type: str = Field(description="MIME type of the thumbnail.", examples=["image/png"])
    width: int = Field(ge=1, le=_MAX_THUMBNAIL, description="Width of the thumbnail in pixels.", examples=[256])
    height: int = Field(ge=1, le=_MAX_THUMBNAIL, description="Height of the thumbnail in pixels.", examples=[171])


class Image(Plugin):
    """Describes images and creates thumbnails."""

    name, version, title = "image", "1.0.0", "Image facts and thumbnails"
    description = "Returns format, size, metadata, colors and hash of an image, and creates thumbnails."

    @tool(timeout_s=20, memory_mb=1024, read_only=True, idempotent=True)
    def inspect(self, input: InspectInput, context: ToolContext) -> InspectOutput:
        """Return an image's format, size, EXIF metadata, dominant colors and perceptual hash."""
        image = open_image(input.image, "/image")
        context.progress(0.5, f"decoded {image.width} x {image.height} pixels")
        name = format_name(image)
        return InspectOutput.model_validate(
            {
                "format": name,
                "mime_type": MIME_TYPES[name],
                "width": image.width,
                "height": image.height,
                "mode": image.mode,
                "exif": exif_values(image),
                "dominant_colors": _dominant_colors(as_rgb(image), input.colors),
                "perceptual_hash": perceptual_hash(as_gray(image)),
            }
        )

    @tool(timeout_s=20, memory_mb=1024, read_only=True, idempotent=True)
    def thumbnail(self, input: ThumbnailInput, context: ToolContext) -> ThumbnailOutput:
        """Shrink an image to fit a frame, upright and in proportion. Smaller images are not enlarged."""
        image = as_rgba(open_image(input.image, "/image"))
        context.progress(0.5, f"decoded {image.width} x {image.height} pixels")
        image.thumbnail((input.width, input.height), PIL.Image.Resampling.LANCZOS)
        image.info.clear()  # drops comments, color profile and EXIF: a thumbnail must not reveal where it was taken
        file = io.BytesIO()
        image.save(file, input.format)
        return ThumbnailOutput(
            image=file.getvalue(), mime_type=MIME_TYPES[input.format], width=image.width, height=image.height
        )


def _dominant_colors(rgb: PIL.Image.Image, most: int) -> list[DominantColor]:
    """Return the colors of a median cut, largest share first."""
    size = min(rgb.width, _COLOR_SAMPLES), min(rgb.height, _COLOR_SAMPLES)
    # Nearest neighbor picks existing pixels. Other filters mix colors that the picture does not contain.
    sample = rgb.resize(size, PIL.Image.Resampling.NEAREST).quantize(most).convert("RGB")
    found = sample.getcolors(most) or []
    pixels = sample.width * sample.height
    return [
        DominantColor(hex="#{:02x}{:02x}{:02x}".format(*color), share=round(count / pixels, 4))
        for count, color in sorted(found, reverse=True)
        if isinstance(color, tuple)
    ]
