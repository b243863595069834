"""The response documents and their schemas in the OpenAPI document."""

import json
from importlib.resources import files
from typing import Any

import pytest

import interlock
from interlock.domain.lifecycle import LifecycleState
from interlock.domain.metrics import ExecutionMetrics
from interlock.http.presenters import health_document
from interlock.plugins.registry import PluginHealth
from tests.fakes.plugins import a_plugin

SCHEMAS: dict[str, Any] = json.loads(files(interlock).joinpath("http", "openapi.json").read_text())["components"][
    "schemas"
]


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_schema_is_described(name: str) -> None:
    assert SCHEMAS[name]["description"]


def test_every_field_has_a_description_or_refers_to_one() -> None:
    fields = [
        (f"{name}.{field}", schema)
        for name, one in SCHEMAS.items()
        for field, schema in one.get("properties", {}).items()
    ]
    assert len(fields) > 100
    bare = [where for where, schema in fields if not schema.get("description") and "#/components" not in str(schema)]
    assert bare == []


def test_each_final_status_has_its_own_counter() -> None:
    metrics = ExecutionMetrics(succeeded=1, failed=2, timed_out=3, cancelled=4)
    health = health_document(PluginHealth(a_plugin(), LifecycleState.LOADED, metrics, {}))
    assert (health["success_count"], health["error_count"]) == (1, 2)
    assert (health["timed_out_count"], health["cancelled_count"]) == (3, 4)
