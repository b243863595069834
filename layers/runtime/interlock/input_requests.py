"""Requests that a running tool can make to its client: a form for a person, a prompt for the model, or a list of roots.

Part of the plugin API (`interlock.plugin`).
"""

from collections.abc import Mapping
from itertools import count
from typing import Any, ClassVar, Protocol

from msgspec import Struct
from pydantic import BaseModel

from interlock.domain.client_input import ELICITATION, ROOTS, SAMPLING

_FORM_TYPES = {"string", "number", "integer", "boolean"}
"""The types of a form's fields. An array is allowed too, if its items are a choice of texts."""


class InputRequired(BaseException):
    """Raised inside a tool by `ToolContext.request_input` while a response is missing. Let it propagate: the run ends,
    and the tool is run again, on the same input, when its client has responded."""

    def __init__(self, input_requests: Mapping[str, Any]) -> None:
        super().__init__(f"input from the client is required: {', '.join(input_requests)}")
        self.input_requests = input_requests


class InputRequest[Value](Protocol):
    """A request for input. `Value` is what the tool gets."""

    method: ClassVar[str]

    def params(self) -> dict[str, Any]:
        """Return the parameters of the request, as the protocol spells them."""

    def value(self, response: Mapping[str, Any]) -> Value:
        """Return the value of a response. Raises ValueError, TypeError or KeyError if it does not fit the request."""


class Elicitation[Model: BaseModel](Struct, frozen=True):
    """A form that the client shows to a person: a message, and a model whose fields are text, numbers, booleans and
    choices of texts (`Literal`).

    The tool gets an instance of the model, or None if the person declined or dismissed the form.
    """

    method: ClassVar[str] = ELICITATION

    message: str
    form: type[Model]

    def __post_init__(self) -> None:
        """Raise TypeError for fields that a form cannot have."""
        for name, field in self._schema().get("properties", {}).items():
            choices = field.get("type") == "array" and "enum" in field.get("items", {})
            if field.get("type") not in _FORM_TYPES and not choices:
                message = (
                    "must be text, a number, true or false, or a choice of texts, with a default if it is optional"
                )
                raise TypeError(f"{self.form.__name__}.{name} cannot be a field of a form: it {message}")

    def _schema(self) -> dict[str, Any]:
        return self.form.model_json_schema()

    def params(self) -> dict[str, Any]:
        schema = self._schema()
        parts = {name: schema[name] for name in ("type", "properties", "required") if name in schema}
        return {"message": self.message, "requestedSchema": {"properties": {}, **parts}}

    def value(self, response: Mapping[str, Any]) -> Model | None:
        if response.get("action") == "accept":
            return self.form.model_validate(response.get("content") or {})
        if response.get("action") in {"decline", "cancel"}:
            return None
        raise ValueError("is not the response to an elicitation")


class Sampling(Struct, frozen=True):
    """A prompt for the client's model. The tool gets the text of the completion."""

    method: ClassVar[str] = SAMPLING

    prompt: str
    max_tokens: int = 1000
    system_prompt: str = ""

    def params(self) -> dict[str, Any]:
        message = {"role": "user", "content": {"type": "text", "text": self.prompt}}
        system = {"systemPrompt": self.system_prompt} if self.system_prompt else {}
        return {"messages": [message], "maxTokens": self.max_tokens, **system}

    def value(self, response: Mapping[str, Any]) -> str:
        content = response.get("content")
        blocks = content if isinstance(content, list) else [content]
        texts = [one["text"] for one in blocks if isinstance(one, dict) and isinstance(one.get("text"), str)]
        if not texts:
            raise ValueError("has no text")
        return "".join(texts)


class Roots(Struct, frozen=True):
    """The folders and files that the client works on. The tool gets their URIs."""

    method: ClassVar[str] = ROOTS

    def params(self) -> dict[str, Any]:
        return {}

    def value(self, response: Mapping[str, Any]) -> tuple[str, ...]:
        return tuple(str(one["uri"]) for one in response["roots"])


def to_json(request: InputRequest[Any]) -> dict[str, Any]:
    """Return an input request as the protocol spells it."""
    return {"method": request.method, "params": request.params()}


def values_of[Value](requests: Mapping[str, InputRequest[Value]], responses: Mapping[str, Any]) -> dict[str, Value]:
    """Return the values of all requests. Raise `InputRequired` with the requests that have no fitting response.

    A request whose response does not fit is made again under another key, because a key has one response
    (Tasks extension, Task Update Requests).
    """
    values, missing = dict[str, Value](), dict[str, Any]()
    for name, request in requests.items():
        for number in count(1):
            key = name if number == 1 else f"{name}-{number}"
            if key not in responses:
                missing[key] = to_json(request)
                break
            try:
                values[name] = request.value(responses[key])
            except (ValueError, TypeError, KeyError):
                continue
            break
    if missing:
        raise InputRequired(missing)
    return values
