"""The application of the jobs function: jobs, webhooks, plugins, health and the OpenAPI document. It runs no tool."""

from interlock.composition.core import Core
from interlock.http.app import HttpApp
from interlock.http.routes_jobs import add_job_routes
from interlock.http.routes_plugins import add_open_routes, add_plugin_routes
from interlock.http.routes_webhooks import add_redeliver_route, add_secret_routes


def jobs_app(core: Core) -> HttpApp:
    """Compose the application."""
    app = HttpApp(core.limits)
    add_job_routes(app, core.service, core.documents, core.deliveries, core.secrets, max_wait_s=core.max_wait_s)
    add_redeliver_route(app, core.service, core.redelivery)
    add_secret_routes(app, core.signing, core.clock)
    add_plugin_routes(app, core.registry)
    add_open_routes(app, oidc_issuer=core.oidc_issuer)
    return app.close_routes()
