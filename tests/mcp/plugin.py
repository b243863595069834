"""The tools that the conformance suite calls, by the names that it gives them."""

import base64
import time
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, RootModel

from interlock.plugin import Elicitation, FileBytes, Plugin, Roots, Sampling, ToolContext, tool

PNG = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGP4DwABAQEAGynq7wAAAABJRU5ErkJggg==")
WAV = b"RIFF$\x00\x00\x00WAVEfmt " + bytes(28)


class Nothing(BaseModel):
    """No arguments."""


class Text(RootModel[str]):
    """A text."""


class File(RootModel[FileBytes]):
    """A file."""


class Mixed(BaseModel):
    """A text and two files."""

    text: str
    image: FileBytes
    resource: FileBytes


class Name(BaseModel):
    name: str


class Region(BaseModel):
    region: str = Field(json_schema_extra={"x-mcp-header": "Region"})


class Work(BaseModel):
    seconds: float = Field(ge=0, le=120)
    label: str = ""


class FileName(BaseModel):
    filename: str


class Color(BaseModel):
    color: str


class Confirmation(BaseModel):
    ok: bool = False
    confirm: bool = False


NAME = Elicitation("What is your name?", Name)
CONFIRM = Elicitation("Please confirm", Confirmation)
GREETING = Sampling("Generate a greeting", max_tokens=50)


class Contact(BaseModel):
    """Arguments whose schema has keywords of JSON Schema 2020-12 that no pydantic model produces."""

    model_config = ConfigDict(extra="allow")

    @classmethod
    def model_json_schema(cls, *_: Any, **__: Any) -> dict[str, Any]:
        text = {"type": "string"}
        return {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object",
            "$defs": {
                "address": {"$anchor": "addressDef", "type": "object", "properties": {"street": text, "city": text}}
            },
            "properties": {
                "name": text,
                "address": {"$ref": "#/$defs/address"},
                "contactMethod": {"type": "string", "enum": ["phone", "email"]},
                "phone": text,
                "email": text,
            },
            "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
            "if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
            "then": {"required": ["phone"]},
            "else": {"required": ["email"]},
            "additionalProperties": False,
        }


class Conformance(Plugin):
    """The tools that the suite calls."""

    name, version, title = "conformance", "1.0.0", "Conformance"

    @tool(timeout_s=10)
    def test_simple_text(self, input: Nothing, context: ToolContext) -> Text:
        return Text("This is a simple text response for testing.")

    @tool(timeout_s=10)
    def test_image_content(self, input: Nothing, context: ToolContext) -> File:
        return File(PNG)

    @tool(timeout_s=10)
    def test_audio_content(self, input: Nothing, context: ToolContext) -> File:
        return File(WAV)

    @tool(timeout_s=10)
    def test_embedded_resource(self, input: Nothing, context: ToolContext) -> File:
        return File(b"This is an embedded resource content.")

    @tool(timeout_s=10)
    def test_multiple_content_types(self, input: Nothing, context: ToolContext) -> Mixed:
        return Mixed(text="Multiple content types test:", image=PNG, resource=b'{"test":"data","value":123}')

    @tool(timeout_s=10)
    def test_error_handling(self, input: Nothing, context: ToolContext) -> Text:
        raise ValueError("This tool intentionally returns an error for testing")

    @tool(timeout_s=10)
    def test_tool_with_progress(self, input: Nothing, context: ToolContext) -> Text:
        """Report progress thrice, each later than a second after the one before: a heartbeat stores one."""
        for fraction in (0, 0.5, 1):
            context.progress(fraction)
            _work(1.5)
        return Text("done")

    @tool(timeout_s=10)
    def test_logging_tool(self, input: Nothing, context: ToolContext) -> Text:
        context.logger.info("a line")
        return Text("logged")

    @tool(timeout_s=10)
    def test_streaming_elicitation(self, input: Nothing, context: ToolContext) -> Text:
        return Text("no questions")

    @tool(timeout_s=10, input_requests={"greeting": GREETING})
    def test_missing_capability(self, input: Nothing, context: ToolContext) -> Text:
        return Text(context.request_input(greeting=GREETING)["greeting"])

    @tool(timeout_s=10)
    def test_x_mcp_header(self, input: Region, context: ToolContext) -> Text:
        return Text(input.region)

    @tool(timeout_s=10)
    def json_schema_2020_12_tool(self, input: Contact, context: ToolContext) -> Text:
        return Text("valid")

    @tool(timeout_s=10)
    def greet(self, input: Name, context: ToolContext) -> Text:
        return Text(f"Hello, {input.name}!")

    @tool(timeout_s=120, task=True)
    def slow_compute(self, input: Work, context: ToolContext) -> Text:
        _work(input.seconds)
        return Text(f"computed {input.label}")

    @tool(timeout_s=10, task="required")
    def failing_job(self, input: Nothing, context: ToolContext) -> Text:
        raise ValueError("the job failed")

    @tool(timeout_s=10, task=True)
    def confirm_delete(self, input: FileName, context: ToolContext) -> Text:
        given = context.request_input(confirm=Elicitation(f"Delete {input.filename}?", Confirmation))["confirm"]
        return Text(f"deleted {input.filename}" if given and given.confirm else "kept")

    @tool(timeout_s=10, task=True)
    def multi_input(self, input: Nothing, context: ToolContext) -> Text:
        given = context.request_input(first=NAME, second=NAME)
        return Text(f"{given['first']} {given['second']}")

    @tool(timeout_s=10, task="required", input_requests={"user_name": NAME})
    def test_tool_with_task(self, input: Nothing, context: ToolContext) -> Text:
        return _hello(context)


class ConformanceInput(Plugin):
    """The tools that request input from their client."""

    name, version, title = "conformance_input", "1.0.0", "Conformance, input"

    @tool(timeout_s=10)
    def test_input_required_result_elicitation(self, input: Nothing, context: ToolContext) -> Text:
        return _hello(context)

    @tool(timeout_s=10)
    def test_input_required_result_sampling(self, input: Nothing, context: ToolContext) -> Text:
        question = Sampling("What is the capital of France?", max_tokens=100)
        return Text(context.request_input(capital_question=question)["capital_question"])

    @tool(timeout_s=10)
    def test_input_required_result_list_roots(self, input: Nothing, context: ToolContext) -> Text:
        return Text(", ".join(context.request_input(client_roots=Roots())["client_roots"]))

    @tool(timeout_s=10)
    def test_input_required_result_request_state(self, input: Nothing, context: ToolContext) -> Text:
        context.request_input(confirm=CONFIRM)
        return Text("state-ok")

    @tool(timeout_s=10)
    def test_input_required_result_multiple_inputs(self, input: Nothing, context: ToolContext) -> Text:
        requests: dict[str, Any] = {"user_name": NAME, "greeting": GREETING, "client_roots": Roots()}
        given = context.request_input(**requests)
        return Text(f"{given['greeting']} {given['user_name'].name}")

    @tool(timeout_s=10)
    def test_input_required_result_multi_round(self, input: Nothing, context: ToolContext) -> Text:
        context.request_input(step1=Elicitation("Step 1: What is your name?", Name))
        context.request_input(step2=Elicitation("Step 2: What is your favorite color?", Color))
        return Text("done")

    @tool(timeout_s=10)
    def test_input_required_result_tampered_state(self, input: Nothing, context: ToolContext) -> Text:
        context.request_input(confirm=CONFIRM)
        return Text("confirmed")

    @tool(timeout_s=10)
    def test_input_required_result_capabilities(self, input: Nothing, context: ToolContext) -> Text:
        if context.can_request(Elicitation):
            return _hello(context)
        return Text(context.request_input(greeting=GREETING)["greeting"])


def _hello(context: ToolContext) -> Text:
    given = context.request_input(user_name=NAME)["user_name"]
    return Text(f"Hello, {given.name}!" if given else "Hello!")


class ConformanceBroken(Plugin):
    """A plugin that the worker process cannot set up, so that its jobs fail without running their tool."""

    name, version, title = "conformance_broken", "1.0.0", "Conformance, broken"

    def setup(self) -> None:
        raise RuntimeError("this plugin cannot be set up")

    @tool(timeout_s=10, task=True)
    def protocol_error_job(self, input: Nothing, context: ToolContext) -> Text:
        return Text("not reached")


def _work(seconds: float) -> None:
    """Simulate a computation of this duration."""
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        time.sleep(min(left, 0.05))
