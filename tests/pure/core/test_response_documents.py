"""The response documents: their types have the fields of the contract's schemas."""

import json
from importlib.resources import files
from typing import Any, is_typeddict

import pytest

import interlock
from interlock.domain.lifecycle import LifecycleState
from interlock.domain.metrics import ExecutionMetrics
from interlock.http import documents
from interlock.http.presenters import health_document
from interlock.plugins.registry import PluginHealth
from tests.fakes.plugins import a_plugin

SCHEMAS: dict[str, Any] = json.loads(files(interlock).joinpath("http", "openapi.json").read_text())["components"][
    "schemas"
]
TYPES = {name: value for name, value in vars(documents).items() if is_typeddict(value)}


@pytest.mark.parametrize("name", TYPES)
def test_a_document_type_has_the_fields_of_its_schema(name: str) -> None:
    assert set(TYPES[name].__required_keys__) == set(SCHEMAS[name]["required"]) == set(SCHEMAS[name]["properties"])


def test_every_response_schema_has_a_type() -> None:
    parts = {"ErrorDetails", "FieldError", "OpenApi"}
    requests = {"ExecuteRequest", "CancelRequest", "UploadRequest"}
    objects = {name for name, schema in SCHEMAS.items() if schema.get("type") == "object"}
    assert set(TYPES) == objects - parts - requests


def test_each_final_status_has_its_own_counter() -> None:
    metrics = ExecutionMetrics(succeeded=1, failed=2, timed_out=3, cancelled=4)
    health = health_document(PluginHealth(a_plugin(), LifecycleState.LOADED, metrics, {}))
    assert (health["success_count"], health["error_count"]) == (1, 2)
    assert (health["timed_out_count"], health["cancelled_count"]) == (3, 4)
