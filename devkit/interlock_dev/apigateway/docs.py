"""`/docs` of the local stack: Swagger UI for the OpenAPI document that the service serves, without a CDN."""

from pathlib import Path
from typing import Any

from werkzeug.middleware.shared_data import SharedDataMiddleware

PAGE = Path(__file__).with_name("docs.html")
ASSETS = ("flask_openapi_swagger", "templates/swagger")
"""Package and folder that contain the build of Swagger UI."""


def with_docs(app: Any) -> SharedDataMiddleware:
    """Serve the documentation page in front of the gateway, which has no route there."""
    # The assets come first, because the page is served for every other path below `/docs`.
    return SharedDataMiddleware(app, [("/docs/assets", ASSETS), ("/docs", str(PAGE))], cache=False)
