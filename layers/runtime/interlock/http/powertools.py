"""Powertools' resolver, imported without asyncio."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType
from typing import Any


@contextmanager
def stand_in_for(name: str) -> Iterator[None]:
    """Let modules that are imported inside have a stand-in. It gives way to the real module when they use it, or when
    another thread imports from it meanwhile."""
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


# The package imports its resolvers for AppSync, which we do not use. They need asyncio, 28 modules and 13 ms of every
# cold start.
with stand_in_for("asyncio"):
    from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response
    from aws_lambda_powertools.event_handler.exceptions import NotFoundError
    from aws_lambda_powertools.event_handler.middlewares import NextMiddleware

__all__ = ["APIGatewayRestResolver", "NextMiddleware", "NotFoundError", "Response"]
