"""The request bodies of the HTTP contract, as models."""

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints
from pydantic_core import PydanticCustomError

from interlock.domain.deadline import MIN_TIMEOUT_S
from interlock.domain.upload_id import CONTENT_TYPE, MAX_CONTENT_TYPE, MAX_UPLOAD_BYTES, is_content_type

Name = Annotated[str, StringConstraints(min_length=1, max_length=64)]


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class ExecuteRequest(_Request):
    """A tool to execute, and its input."""

    plugin: Name = Field(description="Name of the plugin.", examples=["ocr"])
    tool: Name | None = Field(
        default=None,
        description="Name of the tool. The default is the first tool of the plugin's manifest.",
        examples=["analyze"],
    )
    input: dict[str, Any] = Field(
        description="The tool's input, as its input_schema requires. A file is base64 text, a data: "
        'URL or {"upload_id": "..."}.'
    )
    timeout_s: Annotated[float, Field(ge=MIN_TIMEOUT_S, le=870, allow_inf_nan=False)] | None = Field(
        default=None, description="A time limit in seconds that is shorter than the tool's limit.", examples=[20]
    )


class CancelRequest(_Request):
    """The reason for a cancel."""

    reason: Annotated[str, StringConstraints(max_length=500)] | None = Field(
        default=None, description="For a human.", examples=["not needed any more"]
    )


def _media_type(text: str) -> str:
    if not is_content_type(text):
        raise PydanticCustomError("media_type", "must be a media type such as image/png")
    return text


def _whole(value: Any) -> Any:
    """Accept 7.0 as an integer, as JSON Schema does: JSON has one kind of number."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


class UploadRequest(_Request):
    """A file to upload. The upload must have exactly this type and size."""

    content_type: Annotated[
        str, StringConstraints(min_length=1, max_length=MAX_CONTENT_TYPE), AfterValidator(_media_type)
    ] = Field(
        description="Media type of the file (RFC 9110, section 8.3.1), in ASCII.",
        examples=["image/png"],
        json_schema_extra={"pattern": f"^{CONTENT_TYPE.pattern}$"},
    )
    size: Annotated[int, Field(ge=1, le=MAX_UPLOAD_BYTES), BeforeValidator(_whole)] = Field(
        description="Size of the file in bytes, at most 100 MiB.", examples=[31457280]
    )
