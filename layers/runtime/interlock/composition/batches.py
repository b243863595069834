"""The application of the batches function: the routes below `/v1/batches`. It runs no tool."""

from interlock.composition.batch_limits import batch_limits
from interlock.composition.core import Core
from interlock.http.app import HttpApp
from interlock.http.routes_batches import BatchParts, add_batch_routes


def batches_app(core: Core) -> HttpApp:
    """Compose the application."""
    app = HttpApp(core.limits)
    parts = BatchParts(
        service=core.batch_service,
        registry=core.registry,
        objects=core.objects,
        secrets=core.secrets,
        deliveries=core.deliveries,
        rules=core.url_rules,
        limits=batch_limits(),
    )
    add_batch_routes(app, parts)
    return app.close_routes()
