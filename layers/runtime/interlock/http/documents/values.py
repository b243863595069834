"""Types that several response documents share, with their descriptions for the OpenAPI document."""

from collections.abc import Callable
from typing import Annotated, Any


class Schema:
    """JSON Schema keywords of an annotated type, for pydantic to read when the OpenAPI document is generated.

    `pydantic.Field` would do the same, but functions must not import pydantic for it at their start.
    """

    def __init__(self, description: str | None = None, **keywords: Any) -> None:
        self.keywords = {"description": description, **keywords} if description else keywords

    def __get_pydantic_json_schema__(self, core_schema: Any, handler: Callable[[Any], dict[str, Any]]) -> Any:
        return {**handler(core_schema), **self.keywords}


MAX_PAGE = 100
"""Maximum number of entries on a page of a list."""

JOB_ID = "[0-7][0-9A-HJKMNP-TV-Z]{25}"
_RFC_3339 = r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z"
_COMMON_LOG_TIME = r"\d{2}/[A-Z][a-z]{2}/\d{4}:\d{2}:\d{2}:\d{2} [+-]\d{4}"

type Time = Annotated[
    str, Schema("Time in UTC, with milliseconds (RFC 3339).", format="date-time", pattern=f"^{_RFC_3339}$")
]
# One pattern and not a union of two: generated clients would have a class for the union.
type ErrorTime = Annotated[
    str,
    Schema(
        "When the error occurred, in UTC with milliseconds (RFC 3339). Errors that Amazon API Gateway returns before "
        "it calls the service have the Common Log Format instead, for example `22/Nov/2026:10:11:12 +0000`.",
        pattern=f"^({_RFC_3339}|{_COMMON_LOG_TIME})$",
    ),
]
type JobId = Annotated[str, Schema("Id of a job, a ULID. Ids sort by creation time.", pattern=f"^{JOB_ID}$")]
type BatchId = Annotated[str, Schema("Id of a batch, a ULID. Ids sort by creation time.", pattern=f"^{JOB_ID}$")]

Count = Annotated[int, Schema(minimum=0)]
Quantity = Annotated[float, Schema(minimum=0)]
Fraction = Annotated[float, Schema("Fraction of the work that is done.", minimum=0, maximum=1)]
Milliseconds = Annotated[Quantity, Schema("Wall-clock time of the tool in milliseconds.")]
MillisecondsOrNull = Annotated[
    Quantity | None, Schema("Wall-clock time of the tool in milliseconds, null if the tool did not run to its end.")
]

PluginName = Annotated[str, Schema("Name of the plugin.")]
ToolName = Annotated[str, Schema("Name of the tool.")]
Version = Annotated[str, Schema("Version of the plugin.")]
Title = Annotated[str, Schema("Name to display.")]
Description = Annotated[str, Schema("Purpose of the plugin or tool.")]
Message = Annotated[str, Schema("Message for a human. Do not parse it.")]
