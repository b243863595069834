"""The console: a page and its files. They call the HTTP API from the browser, with the key that the user enters."""

from typing import Any

from interlock.composition.console import console

resolve = console()


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ARG001
    return resolve(event)
