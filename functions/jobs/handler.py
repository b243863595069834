"""Jobs, webhooks, plugins, health and the OpenAPI document. No plugin runs or is imported here."""

from typing import Any

from interlock.composition.core import Core
from interlock.composition.jobs import jobs_app
from interlock.composition.snapshots import Restorable

app = Restorable(lambda: jobs_app(Core.from_env()))


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return app.current.resolve(event, context)
