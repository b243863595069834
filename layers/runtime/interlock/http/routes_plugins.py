"""Routes below `/v1/plugins`, and those without a key: health, the OpenAPI document, and the metadata of tokens."""

import json
from collections.abc import Sequence
from functools import cache, partial
from importlib.resources import files
from typing import Any

import interlock
from interlock.domain.access import METADATA_PATH, Scope, api_url
from interlock.domain.errors import NotFound, UnknownPlugin
from interlock.domain.json_text import as_text
from interlock.http.app import MCP_PATH, HttpApp
from interlock.http.documents import ServiceHealth
from interlock.http.powertools import Response
from interlock.http.presenters import health_document, manifest_document, plugin_list, resource_metadata
from interlock.http.requests import authorized, header, query
from interlock.http.responses import json_response
from interlock.plugins.registry import ListedPlugin, PluginRegistry


class PluginListText:
    """The list of plugins as JSON text. While the registry returns the same plugins, it is encoded once: at a thousand
    plugins that takes 2 ms."""

    def __init__(self) -> None:
        self._kept: tuple[Sequence[ListedPlugin], str] | None = None

    def of(self, plugins: Sequence[ListedPlugin]) -> str:
        """Return the body of the response."""
        kept = self._kept
        if kept is None or kept[0] is not plugins:
            kept = self._kept = plugins, as_text(plugin_list(plugins))
        return kept[1]


def add_plugin_routes(app: HttpApp, registry: PluginRegistry) -> None:
    """Register the routes below `/v1/plugins`."""
    listed = PluginListText()

    @app.route("GET", "/v1/plugins")
    def list_plugins() -> Response[str]:
        authorized(app.resolver.current_event, Scope.PLUGINS_READ)
        query(app.resolver.current_event)
        return Response(200, "application/json", listed.of(registry.plugins()))

    @app.route("GET", "/v1/plugins/<name>")
    def get_plugin(name: str) -> Response[str]:
        authorized(app.resolver.current_event, Scope.PLUGINS_READ)
        query(app.resolver.current_event)
        try:
            return json_response(200, manifest_document(registry.health(name)))
        except UnknownPlugin as error:
            raise NotFound(str(error)) from None

    @app.route("GET", "/v1/plugins/<name>/health")
    def get_plugin_health(name: str) -> Response[str]:
        authorized(app.resolver.current_event, Scope.PLUGINS_READ)
        query(app.resolver.current_event)
        try:
            return json_response(200, health_document(registry.health(name)))
        except UnknownPlugin as error:
            raise NotFound(str(error)) from None


def add_open_routes(app: HttpApp, *, oidc_issuer: str) -> None:
    """Register the routes that need no key. Without an `oidc_issuer` no tokens are accepted."""

    @app.route("GET", "/v1/health")
    def get_health() -> Response[str]:
        return json_response(200, ServiceHealth(status="ok", version=interlock.__version__))

    @app.route("GET", "/v1/openapi.json")
    def get_openapi() -> Response[str]:
        return json_response(200, _document())

    @app.route("GET", METADATA_PATH)
    def get_resource_metadata() -> Response[str]:
        event = app.resolver.current_event
        if not oidc_issuer:
            raise NotFound("This service accepts no tokens, only API keys.")
        resource = f"{api_url(event.raw_event, partial(header, event))}{MCP_PATH}"
        return json_response(200, resource_metadata(resource, oidc_issuer))


@cache
def _document() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(files(interlock).joinpath("http", "openapi.json").read_text())
    return document
