"""What `@tool` declares for agents."""

from typing import Any

import pytest
from pydantic import BaseModel

from interlock.domain.manifest import PluginSource
from interlock.plugin import Plugin, ToolContext, tool
from interlock.plugins.describing import describe_class
from interlock.tool_declaration import InvalidDeclaration


class Nothing(BaseModel):
    """No fields."""


def declared(**options: Any) -> type[Plugin]:
    class Declared(Plugin):
        name, version = "declared", "1.0.0"

        @tool(**options)
        def work(self, input: Nothing, context: ToolContext) -> Nothing:
            return Nothing()

    return Declared


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, (None, None, None, "auto")),
        ({"read_only": True, "idempotent": True}, (True, True, None, "auto")),
        ({"destructive": True, "task": True}, (None, None, True, "always")),
        ({"read_only": False, "destructive": False, "task": "required"}, (False, None, False, "required")),
        ({"task": False}, (None, None, None, "auto")),
    ],
)
def test_manifest_has_what_the_tool_declares(options: dict[str, Any], expected: tuple[Any, ...]) -> None:
    [found] = describe_class(declared(**options), PluginSource("", "")).tools
    assert (found.read_only, found.idempotent, found.destructive, found.task) == expected


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"read_only": "yes"}, "@tool(read_only='yes'): must be True, False or None"),
        ({"idempotent": 1}, "@tool(idempotent=1): must be True, False or None"),
        ({"read_only": True, "destructive": True}, "a tool that changes nothing cannot be destructive"),
        ({"task": "always"}, "@tool(task='always'): must be True, False or 'required'"),
        ({"task": []}, "@tool(task=[]): must be True, False or 'required'"),
    ],
)
def test_wrong_declarations_are_reported(options: dict[str, Any], problem: str) -> None:
    with pytest.raises(InvalidDeclaration) as caught:
        declared(**options).tools()
    assert problem in str(caught.value)
