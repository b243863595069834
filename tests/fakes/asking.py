"""Input requests of tools, and responses of clients, for the scripted sandbox."""

from typing import Any

from interlock.sandbox import Ending
from tests.fakes.sandbox import Run, answered

CAPABLE: dict[str, Any] = {"elicitation": {}, "extensions": {"io.modelcontextprotocol/tasks": {}}}
"""The capabilities of a client that supports forms and tasks."""


def form(message: str) -> dict[str, Any]:
    """Return an input request for a name."""
    schema = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
    return {"method": "elicitation/create", "params": {"message": message, "requestedSchema": schema}}


def accepted(name: str) -> dict[str, Any]:
    """Return the response of a person who has filled in the form."""
    return {"action": "accept", "content": {"name": name}}


def requests_input(*keys: str) -> Ending:
    """Return the ending of a run that requested these names."""
    return answered("input_required", {key: form(f"Which {key}?") for key in keys})


def asks(*keys: str) -> Any:
    """Return the script of a tool that requests the names, and returns them joined as its result's text."""

    def script(run: Run) -> Ending:
        given = run.request.get("responses", {})
        missing = [key for key in keys if key not in given]
        if missing:
            return requests_input(*missing)
        return answered("succeeded", {"text": " ".join(given[key]["content"]["name"] for key in keys)})

    return script


def asks_in_turn(*keys: str) -> Any:
    """Return the script of a tool that requests the names one after the other."""

    def script(run: Run) -> Ending:
        given = run.request.get("responses", {})
        missing = [key for key in keys if key not in given]
        return requests_input(missing[0]) if missing else asks(*keys)(run)

    return script
