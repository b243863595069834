"""Jobs, cancel, plugins, health and the OpenAPI document. No plugin runs or is imported here."""

from typing import Any

from interlock.composition.core import Core, Settings
from interlock.http.app import HttpApp
from interlock.http.routes_jobs import add_job_routes
from interlock.http.routes_plugins import add_open_routes, add_plugin_routes

core = Core(Settings.from_env())
app = HttpApp(core.limits)
add_job_routes(app, core.service, core.registry, core.documents, core.secrets)
add_plugin_routes(app, core.registry)
add_open_routes(app)
app.close_routes()


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return app.resolve(event, context)
