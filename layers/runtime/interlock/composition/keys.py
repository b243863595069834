"""The application of the keys function: the API keys of the caller's tenant."""

from interlock.composition.core import Core
from interlock.http.app import HttpApp
from interlock.http.routes_keys import add_key_routes


def keys_app(core: Core) -> HttpApp:
    """Compose the application."""
    app = HttpApp(core.limits)
    add_key_routes(app, core.keys, core.clock)
    return app.close_routes()
