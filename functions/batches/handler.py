"""`/v1/batches` and below. No plugin runs or is imported here."""

from typing import Any

from interlock.composition.batches import batches_app
from interlock.composition.core import Core

app = batches_app(Core.from_env())


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return app.resolve(event, context)
