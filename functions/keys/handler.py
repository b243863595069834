"""The API keys of a tenant. The only function that may write keys; it reaches nothing else."""

from typing import Any

from interlock.composition.core import Core
from interlock.composition.keys import keys_app

app = keys_app(Core.from_env())


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return app.resolve(event, context)
