"""Check the JSON Schema of a tool's model. It is sent as JSON and used to validate values, so an error here would fail
each call."""

import math
from collections.abc import Iterator
from typing import Any, Literal, override

from jsonschema_rs import ValidationError
from pydantic import BaseModel
from pydantic.errors import PydanticUserError
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue

from interlock.plugins.validation import SchemaValidator

type _Location = tuple[str | int, ...]


def checked_schema(model: type[BaseModel], mode: Literal["validation", "serialization"], whose: str) -> dict[str, Any]:
    """Return the schema of `model`. Raises TypeError that names the schema (`whose`) and the location of the error."""
    try:
        generator = _Closed if mode == "validation" else GenerateJsonSchema
        schema = model.model_json_schema(mode=mode, schema_generator=generator)
    except (PydanticUserError, NameError, TypeError, ValueError) as error:
        raise TypeError(f"{whose} schema cannot be made: {error}") from error
    for location, number in _not_finite(schema, ()):
        raise TypeError(
            f"{whose} schema has {number} at {_dotted(location)}: take None, or a number that JSON can hold"
        )
    try:
        SchemaValidator().problems(whose, schema, None)
    except ValidationError as error:
        raise TypeError(f"{whose} schema is wrong at {_dotted(error.instance_path)}: {error.message}") from error
    except (TypeError, ValueError) as error:
        raise TypeError(f"{whose} schema is wrong: {error}") from error
    return schema


class _Closed(GenerateJsonSchema):
    """Forbid unknown fields in models that do not configure `extra`: pydantic would drop them silently."""

    @override
    def model_schema(self, schema: Any) -> JsonSchemaValue:
        found = super().model_schema(schema)
        if found.get("type") == "object" and "extra" not in schema["cls"].model_config:
            found.setdefault("additionalProperties", False)
        return found


def _not_finite(value: Any, location: _Location) -> Iterator[tuple[_Location, float]]:
    """Yield the numbers in a schema that JSON cannot represent, such as an infinite default."""
    if isinstance(value, float) and not math.isfinite(value):
        yield location, value
    elif isinstance(value, dict | list):
        for key, part in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _not_finite(part, (*location, key))


def _dotted(location: _Location | list[str | int]) -> str:
    return ".".join(map(str, location)) or "its root"
