"""Powertools' resolver, imported without asyncio."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType
from typing import Any


@contextmanager
def stand_in_for(name: str) -> Iterator[None]:
    """Let modules that are imported in this context import a stand-in for a module. The real module replaces the
    stand-in when the context is left, or earlier if any thread uses an attribute of the stand-in."""
    if name in sys.modules:
        yield
        return
    stand_in = ModuleType(name)

    def give_way() -> None:
        if sys.modules.get(name) is stand_in:
            sys.modules.pop(name, None)

    def real(attribute: str) -> Any:
        give_way()
        return getattr(import_module(name), attribute)

    vars(stand_in)["__getattr__"] = real
    sys.modules[name] = stand_in
    try:
        yield
    finally:
        give_way()


# The package imports its resolvers for AppSync, which we do not use. They import asyncio: 28 modules, which add 13 ms
# to every cold start.
with stand_in_for("asyncio"):
    from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response
    from aws_lambda_powertools.event_handler.exceptions import NotFoundError
    from aws_lambda_powertools.event_handler.middlewares import NextMiddleware

__all__ = ["APIGatewayRestResolver", "NextMiddleware", "NotFoundError", "Response"]
