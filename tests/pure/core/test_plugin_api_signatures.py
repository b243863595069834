"""The signatures that methods of tools must not have, and their error messages."""

from typing import Any

import pytest

from interlock.plugin import ToolContext, tool
from tests.pure.core.echo_plugin import In, Out, a_method, declared


def two_parameters(self: Any, input: In) -> Out:
    return Out(text=input.text)


def four_parameters(self: Any, input: In, context: ToolContext, more: int) -> Out:
    return Out(text=input.text)


def context_by_keyword(self: Any, input: In, *, context: ToolContext) -> Out:
    return Out(text=input.text)


async def asynchronous(self: Any, input: In, context: ToolContext) -> Out:
    return Out(text=input.text)


def generator(self: Any, input: In, context: ToolContext) -> Out:  # type: ignore[misc]
    yield Out(text=input.text)


async def async_generator(self: Any, input: In, context: ToolContext) -> Out:  # type: ignore[misc]
    yield Out(text=input.text)


def unknown_model(self: Any, input: "Inputt", context: ToolContext) -> Out:  # type: ignore[name-defined]  # noqa: F821
    return Out(text="")


def dict_as_input(self: Any, input: dict[str, Any], context: ToolContext) -> Out:
    return Out(text="")


def unannotated_input(self, input, context: ToolContext) -> Out:  # type: ignore[no-untyped-def]
    return Out(text="")


def unannotated_return(self: Any, input: In, context: ToolContext):  # type: ignore[no-untyped-def]
    return Out(text="")


def return_none(self: Any, input: In, context: ToolContext) -> None:
    return None


def return_union(self: Any, input: In, context: ToolContext) -> Out | In:
    return input


@pytest.mark.parametrize(
    ("method", "what"),
    [
        (two_parameters, r"must take \(self, input, context\), not \(self, input\)"),
        (four_parameters, r"must take \(self, input, context\), not \(self, input, context, more\)"),
        (context_by_keyword, r"must take \(self, input, context\) by position, 'context' cannot be"),
        (asynchronous, "must not be 'async def'"),
        (generator, "must return its result, not yield"),
        (async_generator, "must return its result, not yield"),
        (staticmethod(a_method), r"must be a method \(self, input, context\), not a staticmethod"),
        (classmethod(a_method), r"must be a method \(self, input, context\), not a classmethod"),
        (unknown_model, "an annotation of it cannot be read: name 'Inputt' is not defined"),
        (dict_as_input, "its input must be annotated with a pydantic model"),
        (unannotated_input, "its input must be annotated with a pydantic model, not None"),
        (unannotated_return, "its return must be annotated with a pydantic model, not None"),
        (return_none, "its return must be annotated with a pydantic model"),
        (return_union, "its return must be annotated with a pydantic model"),
    ],
)
def test_invalid_tool_signature_is_reported(method: Any, what: str) -> None:
    with pytest.raises(TypeError, match=f"tool 'say': {what}"):
        declared(name="a", version="1", say=tool()(method)).tools()
