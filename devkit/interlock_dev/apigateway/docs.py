"""`/docs` of the local stack: Swagger UI on the document that the service serves, all of it from this machine."""

from pathlib import Path
from typing import Any

from werkzeug.middleware.shared_data import SharedDataMiddleware

PAGE = Path(__file__).with_name("docs.html")
ASSETS = ("flask_openapi_swagger", "templates/swagger")
"""Package and folder of Swagger UI's own build."""


def with_docs(app: Any) -> SharedDataMiddleware:
    """The gateway's application with the page in front, where the deployed gateway has no route."""
    # In this order: the page would answer for everything below it.
    return SharedDataMiddleware(app, [("/docs/assets", ASSETS), ("/docs", str(PAGE))], cache=False)
