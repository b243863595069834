"""`POST /v1/execute` and `POST /v1/uploads`."""

from typing import Any

from interlock.composition.core import Core
from interlock.composition.execute import execute_app

app = execute_app(Core.from_env())


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return app.resolve(event, context)
