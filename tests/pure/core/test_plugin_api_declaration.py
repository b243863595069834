"""The declaration of a plugin and its tools, with error messages that name the fix."""

import re
from typing import Any

import pytest

from interlock.plugin import Plugin, ToolContext, tool
from interlock.tool_declaration import InvalidDeclaration
from tests.documented import code_block
from tests.pure.core.echo_plugin import Echo, In, Out, a_method, declared, run


def test_tools_are_listed_in_order_of_definition() -> None:
    assert list(Echo.tools()) == ["say", "as_dict"]


def test_tool_is_defined_by_decorator_signature_and_docstring() -> None:
    say, as_dict = Echo.tools().values()
    assert (say.name, say.title, say.description) == ("say", "Repeat text", "Repeat a text.")
    assert (say.timeout_s, say.memory_mb, say.network, say.input_model, say.output_model) == (5, 128, False, In, Out)
    assert (as_dict.title, as_dict.description) == ("As dict", "")


def test_tools_are_inherited_and_can_be_overridden() -> None:
    class Louder(Echo):
        @tool(timeout_s=7)
        def say(self, input: In, context: ToolContext) -> Out:
            return Out(text=input.text.upper())

    assert list(Louder.tools()) == ["say", "as_dict"]
    assert Louder.tools()["say"].timeout_s == 7
    assert run(Louder, "say", {"text": "a"}) == {"text": "A"}


def with_tool(*positional: Any, **options: Any) -> Any:
    """Return the tools of a plugin whose only tool is declared with these arguments."""

    def say(self: Any, input: In, context: ToolContext) -> Out:
        return Out(text=input.text)

    return declared(name="a", version="1", say=tool(*positional, **options)(say)).tools()


@pytest.mark.parametrize("timeout_s", [0, -1, 870.1, float("nan"), float("inf"), "20", None, True])
def test_invalid_timeout_is_reported(timeout_s: Any) -> None:
    text = re.escape(f"@tool(timeout_s={timeout_s!r}): must be a number over 0 and at most 870 seconds")
    with pytest.raises(TypeError, match=text):
        with_tool(timeout_s=timeout_s)


@pytest.mark.parametrize("memory_mb", [31, 0, -1, 10_241, 8 * 1024**3, 128.0, 128.5, "128", None, True])
def test_invalid_memory_limit_is_reported(memory_mb: Any) -> None:
    text = re.escape(f"@tool(memory_mb={memory_mb!r}): must be a whole number of MiB from 32 to 10240")
    with pytest.raises(TypeError, match=text):
        with_tool(memory_mb=memory_mb)


@pytest.mark.parametrize("network", [None, 1, "yes"])
def test_network_must_be_true_or_false(network: Any) -> None:
    with pytest.raises(TypeError, match=re.escape(f"@tool(network={network!r}): must be True or False")):
        with_tool(network=network)


def test_tool_can_declare_network_access() -> None:
    class Fetching(Plugin):
        name, version = "fetching", "1"

        @tool(network=True)
        def fetch(self, input: In, context: ToolContext) -> Out:
            raise NotImplementedError

    assert Fetching.tools()["fetch"].network


def test_title_must_be_text() -> None:
    with pytest.raises(TypeError, match=re.escape("@tool(title=3): must be text")):
        with_tool(title=3)


@pytest.mark.parametrize("positional", [(print,), (20, 128)])
def test_decorator_without_keywords_or_parentheses_is_reported_with_the_fix(positional: tuple[Any, ...]) -> None:
    with pytest.raises(TypeError, match=re.escape("write @tool() or @tool(timeout_s=20, memory_mb=512): ")):
        with_tool(*positional)


def test_duplicate_tool_name_is_reported() -> None:
    say = "    @tool()\n    def say(self, input: In, context: ToolContext) -> Out: ...\n"
    names = dict(globals())
    exec(f"class Twice(Plugin):\n    name, version = 'twice', '1'\n{say}{say}", names)
    with pytest.raises(TypeError, match="tool 'say': is declared twice in Twice: rename one of them"):
        names["Twice"].tools()


def test_decorator_without_parentheses_is_reported_with_the_fix() -> None:
    def say(self: Any, input: In, context: ToolContext) -> Out:
        return Out(text=input.text)

    with pytest.raises(TypeError, match=re.escape("tool 'say': write @tool() or @tool(timeout_s=20, memory_mb=512): ")):
        declared(name="bare", version="1", say=tool(say)).tools()


def test_all_mistakes_are_reported_at_once_with_class_and_line() -> None:
    class Wrong(Plugin):
        name, version = "Wrong name", 1  # type: ignore[assignment]

        @tool(timeout_s=0, memory_mb=1)
        async def say(self, input: In, context: ToolContext) -> Out:
            return Out(text=input.text)

        @tool()
        def tell(self, input: In) -> Out:
            return Out(text=input.text)

    line = Wrong.say.__code__.co_firstlineno
    with pytest.raises(InvalidDeclaration) as caught:
        Wrong.tools()
    assert [problem.removesuffix(" [class Wrong]") for problem in caught.value.problems] == [
        "plugin class Wrong: set 'version' to a string",
        "plugin 'Wrong name': a name is lower-case letters, digits and _, at most 64",
        f"tool 'say': @tool(timeout_s=0): must be a number over 0 and at most 870 seconds (line {line})",
        f"tool 'say': @tool(memory_mb=1): must be a whole number of MiB from 32 to 10240 (line {line})",
        f"tool 'say': must not be 'async def': write 'def', with asyncio.run(...) in it (line {line})",
        f"tool 'tell': must take (self, input, context), not (self, input) (line {line + 4})",
    ]


def test_functions_of_the_same_name_outside_a_class_are_not_duplicates() -> None:
    names = dict(globals())
    say = "@tool()\ndef say(self, input: In, context: ToolContext) -> Out: ...\n"
    exec(f"{say}first = say\n{say}", names)
    assert names["first"] is not names["say"]


@pytest.mark.parametrize(("timeout_s", "memory_mb"), [(870, 32), (0.001, 10_240)])
def test_smallest_and_largest_limits_are_accepted(timeout_s: float, memory_mb: int) -> None:
    assert with_tool(timeout_s=timeout_s, memory_mb=memory_mb)


MARKED = tool()(a_method)


@pytest.mark.parametrize("missing", ["name", "version"])
def test_name_and_version_must_be_set(missing: str) -> None:
    attributes = {"name": "a", "version": "1", "run_it": MARKED}
    del attributes[missing]
    with pytest.raises(TypeError, match=f"plugin class Declared: set '{missing}' to a string"):
        declared(**attributes).tools()


@pytest.mark.parametrize("version", [1, None, 1.0])
def test_version_must_be_text(version: Any) -> None:
    with pytest.raises(TypeError, match="set 'version' to a string"):
        declared(name="a", version=version, run_it=MARKED).tools()


@pytest.mark.parametrize("attribute", ["title", "description"])
def test_descriptions_of_a_plugin_must_be_text(attribute: str) -> None:
    with pytest.raises(TypeError, match=f"plugin 'a': set '{attribute}' to a string"):
        declared(name="a", version="1", run_it=MARKED, **{attribute: 3}).tools()


async def an_async_setup(self: Any) -> None:
    """Fail validation: `setup` is not awaited."""


def an_init(self: Any, model: str) -> None:
    """Fail validation: plugins are created without arguments."""


def a_run(self: Any) -> None:
    """Fail validation: the framework defines `run`."""


@pytest.mark.parametrize(
    ("attribute", "what"),
    [
        ({"setup": an_async_setup}, "its setup must not be 'async def'"),
        (
            {"__init__": an_init},
            "is created without arguments, which its __init__ does not accept: missing a required argument: 'model'",
        ),
        ({"run": a_run}, "must not define 'run'"),
    ],
)
def test_methods_must_accept_the_arguments_of_the_framework(attribute: dict[str, Any], what: str) -> None:
    with pytest.raises(TypeError, match=f"plugin 'a': {what}"):
        declared(name="a", version="1", run_it=MARKED, **attribute).tools()


def test_init_without_required_arguments_is_allowed() -> None:
    def init(self: Any, model: str = "small") -> None:
        self.model = model

    assert declared(name="a", version="1", run_it=MARKED, __init__=init).tools()


@pytest.mark.parametrize("name", ["", "Ocr", "1st", "a-b", "a.b", "../a", "a b", "ä", "a" * 65, "a\n"])
def test_invalid_plugin_name_is_reported(name: str) -> None:
    with pytest.raises(TypeError, match="a name is lower-case letters, digits and _, at most 64"):
        declared(name=name, version="1", run_it=MARKED).tools()


@pytest.mark.parametrize("name", ["Say", "_say", "a" * 65])
def test_invalid_tool_name_is_reported(name: str) -> None:
    with pytest.raises(TypeError, match="a tool's name is lower-case letters, digits and _, at most 64"):
        declared(name="a", version="1", **{name: MARKED}).tools()


def test_plugin_without_a_tool_is_reported_with_the_fix() -> None:
    with pytest.raises(TypeError, match=r"declares no tool: mark a method with @tool\(\)"):
        declared(name="a", version="1").tools()


@pytest.mark.parametrize("kind", [staticmethod, classmethod])
def test_tool_must_not_be_wrapped_by_another_decorator(kind: Any) -> None:
    with pytest.raises(TypeError, match=f"tool 'say': must be a method .* not a {kind.__name__}"):
        declared(name="a", version="1", say=kind(tool()(a_method)), run_it=MARKED).tools()


def test_documented_declaration_is_valid() -> None:
    names: dict[str, Any] = {"AnalyzeInput": In, "AnalyzeOutput": Out}
    exec(code_block("docs/plugins.md", "python", "from pydantic import BaseModel"), names)
    [analyze] = names["Ocr"].tools().values()
    assert (analyze.name, analyze.timeout_s, analyze.memory_mb) == ("analyze", 20, 512)
    assert analyze.description == "The first line is the tool's description."
