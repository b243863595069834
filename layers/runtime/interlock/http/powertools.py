"""Powertools' resolver, imported without asyncio."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType


@contextmanager
def _stand_in(name: str) -> Iterator[None]:
    """Let modules that are imported inside have a stand-in, which imports the real module when they use it."""
    if name in sys.modules:
        yield
        return
    stand_in = ModuleType(name)
    vars(stand_in)["__getattr__"] = lambda attribute: getattr(import_module(name), attribute)
    sys.modules[name] = stand_in
    try:
        yield
    finally:
        del sys.modules[name]


# The package imports its resolvers for AppSync, which we do not use. They need asyncio, 28 modules and 13 ms of every
# cold start.
with _stand_in("asyncio"):
    from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response
    from aws_lambda_powertools.event_handler.exceptions import NotFoundError
    from aws_lambda_powertools.event_handler.middlewares import NextMiddleware

__all__ = ["APIGatewayRestResolver", "NextMiddleware", "NotFoundError", "Response"]
