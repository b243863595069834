"""The application of the batches function: the routes below `/v1/batches`. It runs no tool."""

from interlock.composition.core import Core
from interlock.http.app import HttpApp
from interlock.http.routes_batches import add_batch_routes


def batches_app(core: Core) -> HttpApp:
    """Compose the application."""
    app = HttpApp(core.limits)
    add_batch_routes(app, core.batch_service, core.registry, core.objects, core.secrets)
    return app.close_routes()
