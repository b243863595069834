"""Requests of a tool to its client, the values of responses, and runs that end because a response is missing."""

from typing import Any, Literal

import pytest
from pydantic import BaseModel, Field

from interlock.domain.manifest import PluginSource
from interlock.input_requests import to_json, values_of
from interlock.plugin import Elicitation, InputRequired, Plugin, Roots, Sampling, ToolContext, tool
from interlock.plugins.describing import describe_class
from interlock.testing import ToolFailed, run_tool
from interlock.tool_declaration import InvalidDeclaration
from tests.documented import code_block


class Choice(BaseModel):
    """A form with each type of field."""

    color: Literal["red", "blue"]
    number: int = Field(default=1, ge=1)
    share: float = 0.5
    sure: bool = False
    tags: list[Literal["a", "b"]] = []


class Nothing(BaseModel):
    """No fields."""


class Picked(BaseModel):
    text: str


QUESTION = Elicitation("Which one?", Choice)
RED = {"action": "accept", "content": {"color": "red"}}


class Picker(Plugin):
    name, version = "picker", "1.0.0"

    @tool()
    def pick(self, input: Nothing, context: ToolContext) -> Picked:
        if not context.can_request(Elicitation):
            return Picked(text="the default")
        given = context.request_input(choice=QUESTION)["choice"]
        return Picked(text=given.color if given else "none")

    @tool()
    def insist(self, input: Nothing, context: ToolContext) -> Picked:
        try:
            context.request_input(choice=QUESTION)
        except Exception:
            return Picked(text="swallowed")
        return Picked(text="answered")


def test_elicitation_is_a_form_of_the_models_fields() -> None:
    request = to_json(QUESTION)
    assert (request["method"], request["params"]["message"]) == ("elicitation/create", "Which one?")
    schema = request["params"]["requestedSchema"]
    assert (schema["type"], schema["required"]) == ("object", ["color"])
    assert schema["properties"]["color"] == {"enum": ["red", "blue"], "title": "Color", "type": "string"}
    assert to_json(Elicitation("Go on?", Nothing))["params"]["requestedSchema"] == {"type": "object", "properties": {}}


@pytest.mark.parametrize("kind", [Choice, dict[str, str], list[str], str | None, Any])
def test_field_that_a_form_cannot_have_is_refused_at_its_declaration(kind: Any) -> None:
    nested = type("Nested", (BaseModel,), {"__annotations__": {"inner": kind}})
    with pytest.raises(TypeError, match=r"Nested\.inner cannot be a field of a form"):
        Elicitation("Which one?", nested)


def test_sampling_and_roots_are_requests_of_their_methods() -> None:
    assert to_json(Sampling("Greet", max_tokens=50, system_prompt="Be kind")) == {
        "method": "sampling/createMessage",
        "params": {
            "messages": [{"role": "user", "content": {"type": "text", "text": "Greet"}}],
            "maxTokens": 50,
            "systemPrompt": "Be kind",
        },
    }
    assert "systemPrompt" not in Sampling("Greet").params()
    assert to_json(Roots()) == {"method": "roots/list", "params": {}}


@pytest.mark.parametrize(
    ("request_", "response", "value"),
    [
        (QUESTION, RED, Choice(color="red")),
        (QUESTION, {"action": "decline"}, None),
        (QUESTION, {"action": "cancel"}, None),
        (Sampling("Greet"), {"content": {"type": "text", "text": "Hi"}}, "Hi"),
        (Sampling("Greet"), {"content": [{"text": "H"}, {"type": "image"}, {"text": "i"}]}, "Hi"),
        (Roots(), {"roots": [{"uri": "file:///a"}, {"uri": "file:///b"}]}, ("file:///a", "file:///b")),
    ],
)
def test_value_of_a_response(request_: Any, response: dict[str, Any], value: Any) -> None:
    assert values_of({"it": request_}, {"it": response}) == {"it": value}


@pytest.mark.parametrize(
    ("request_", "response"),
    [
        (QUESTION, {"action": "accept", "content": {"color": "green"}}),
        (QUESTION, {"action": "accept"}),
        (QUESTION, {"roots": []}),
        (Sampling("Greet"), {"content": {"type": "image"}}),
        (Sampling("Greet"), RED),
        (Roots(), RED),
        (Roots(), {"roots": [7]}),
    ],
)
def test_request_whose_response_does_not_fit_is_made_under_another_key(request_: Any, response: dict[str, Any]) -> None:
    with pytest.raises(InputRequired) as caught:
        values_of({"it": request_}, {"it": response})
    assert caught.value.input_requests == {"it-2": to_json(request_)}
    with pytest.raises(InputRequired) as caught:
        values_of({"it": request_}, {"it": response, "it-2": response})
    assert list(caught.value.input_requests) == ["it-3"]


def test_all_missing_requests_are_made_at_once() -> None:
    with pytest.raises(InputRequired, match="input from the client is required: b, c") as caught:
        values_of({"a": QUESTION, "b": QUESTION, "c": QUESTION}, {"a": RED})
    assert list(caught.value.input_requests) == ["b", "c"]


# --- In a run ---


def test_tool_without_a_client_can_use_a_default() -> None:
    assert run_tool(Picker, "pick").result == {"text": "the default"}


def test_tool_gets_the_responses_of_its_client() -> None:
    assert run_tool(Picker, "pick", input_responses={"choice": RED}).result == {"text": "red"}
    declined = run_tool(Picker, "pick", input_responses={"choice": {"action": "decline"}})
    assert declined.result == {"text": "none"}


@pytest.mark.parametrize("responses", [None, {}])
def test_run_ends_with_the_request_whatever_exceptions_the_tool_catches(responses: Any) -> None:
    with pytest.raises(ToolFailed) as caught:
        run_tool(Picker, "insist", input_responses=responses)
    assert (caught.value.code, caught.value.status) == ("input_required", "failed")
    assert caught.value.details == {"input_requests": {"choice": to_json(QUESTION)}}


def test_documented_plugin_asks_for_a_page() -> None:
    names: dict[str, Any] = {"__name__": "documented"}
    exec(code_block("docs/plugins.md", "python", "from interlock.plugin import Elicitation"), names)
    chosen = {"page": {"action": "accept", "content": {"number": 2}}}
    declined = {"page": {"action": "decline"}}
    for pages, responses, page in ((1, chosen, 1), (3, chosen, 2), (3, None, 1), (3, declined, 1)):
        run = run_tool(names["PageChoice"], "choose", {"pages": pages}, input_responses=responses)
        assert run.result == {"page": page}
    with pytest.raises(ToolFailed) as caught:
        run_tool(names["PageChoice"], "choose", {"pages": 3}, input_responses={})
    assert caught.value.code == "input_required"


# --- Declared requests ---


def declared(requests: Any) -> type[Plugin]:
    class Declared(Plugin):
        name, version = "declared", "1.0.0"

        @tool(input_requests=requests)
        def work(self, input: Nothing, context: ToolContext) -> Nothing:
            return Nothing()

    return Declared


def test_declared_requests_are_in_the_manifest_and_not_in_public() -> None:
    manifest = describe_class(declared({"choice": QUESTION}), PluginSource("", ""))
    assert manifest.tools[0].input_requests == {"choice": to_json(QUESTION)}
    assert "input_requests" not in manifest.public()["tools"][0]
    assert type(manifest).from_dict(manifest.to_dict()) == manifest


@pytest.mark.parametrize("requests", [{"choice": "Which?"}, {"no name": QUESTION}, {7: QUESTION}, ["choice"], "choice"])
def test_wrong_declaration_of_requests_is_reported(requests: Any) -> None:
    with pytest.raises(InvalidDeclaration, match=r"@tool\(input_requests="):
        declared(requests).tools()
