"""template.yaml as read, and its functions."""

import json
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

from samcli.yamlhelper import yaml_parse

type Json = dict[str, Any]
ROOT = Path(__file__).resolve().parents[3]
TEMPLATE: Json = yaml_parse((ROOT / "template.yaml").read_text())
RESOURCES: Json = TEMPLATE["Resources"]
OPENAPI: Json = json.loads(files("interlock").joinpath("http", "openapi.json").read_text())
FUNCTIONS = sorted(name for name, one in RESOURCES.items() if one["Type"] == "AWS::Serverless::Function")
NOW = datetime(2026, 11, 22, 10, 11, 12, 345000, tzinfo=UTC)


def properties(function: str) -> Json:
    """Return a function's properties merged with the globals."""
    return {**TEMPLATE["Globals"]["Function"], **RESOURCES[function]["Properties"]}


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
