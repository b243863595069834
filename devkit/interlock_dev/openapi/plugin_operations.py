"""The operations on plugins, and those of the service itself."""

import interlock
from interlock.domain.access import Scope
from interlock.http import presenters
from interlock_dev.openapi.examples import BAD, GOOD, PLUGINS
from interlock_dev.openapi.operation import Answer, Operation

PLUGIN_OPERATIONS = (
    Operation(
        "listPlugins",
        "GET /v1/plugins",
        Scope.PLUGINS_READ,
        "List plugins",
        "Plugins that could not be loaded are listed with the reason.",
        {
            200: Answer(
                "All plugins.",
                "PluginList",
                {"one is broken": {"plugins": PLUGINS, "total": 2, "available": 1, "failed": 0, "unavailable": 1}},
            )
        },
        refusals=("InvalidRequest",),
    ),
    Operation(
        "getPlugin",
        "GET /v1/plugins/{name}",
        Scope.PLUGINS_READ,
        "Read a plugin's manifest",
        "The plugin's tools, with the JSON Schemas of their inputs and outputs.",
        {
            200: Answer(
                "The manifest.",
                "PluginManifest",
                {"ocr": presenters.manifest_document(GOOD)},
                links=("getPluginHealth",),
            )
        },
        refusals=("InvalidRequest", "PluginNotFound"),
    ),
    Operation(
        "getPluginHealth",
        "GET /v1/plugins/{name}/health",
        Scope.PLUGINS_READ,
        "Read a plugin's state and counters",
        "Counters cover all functions, in total and by tool. They include a job a second or two after it has finished.",
        {
            200: Answer(
                "The health.",
                "PluginHealth",
                {"used": presenters.health_document(GOOD), "broken": presenters.health_document(BAD)},
                links=("getPlugin",),
            )
        },
        refusals=("InvalidRequest", "PluginNotFound"),
    ),
    Operation(
        "getHealth",
        "GET /v1/health",
        None,
        "Check the service",
        "Does not depend on other services.",
        {200: Answer("The service runs.", "ServiceHealth", {"ok": {"status": "ok", "version": interlock.__version__}})},
    ),
    Operation(
        "getOpenApi",
        "GET /v1/openapi.json",
        None,
        "Read this document",
        "OpenAPI 3.1.",
        {200: Answer("This document.", "OpenApi", {"cut short": {"openapi": "3.1.0", "info": {}, "paths": {}}})},
    ),
)
