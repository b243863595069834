"""The state machines of the template, and their definitions."""

import re
from pathlib import Path
from typing import Any

from samcli.yamlhelper import yaml_parse

type Json = dict[str, Any]

ROOT = Path(__file__).resolve().parents[3]
RESOURCES: Json = yaml_parse((ROOT / "template.yaml").read_text())["Resources"]
MACHINES: Json = {
    name: one["Properties"] for name, one in RESOURCES.items() if one["Type"] == "AWS::Serverless::StateMachine"
}
TEXTS = {name: (ROOT / properties["DefinitionUri"]).read_text() for name, properties in MACHINES.items()}
DEFINITIONS: dict[str, Json] = {name: yaml_parse(text) for name, text in TEXTS.items()}
DEFINITION = DEFINITIONS["Workflow"]
STATES: Json = DEFINITION["States"]
DELIVERY = DEFINITIONS["DeliveryWorkflow"]
BATCH = DEFINITIONS["BatchWorkflow"]


def function_of(state: Json, machine: str = "Workflow") -> Json:
    """Return the properties of the function that a task invokes."""
    substitution = re.fullmatch(r"\$\{(\w+)\}", state["Parameters"]["FunctionName"])
    assert substitution is not None
    logical_id, attribute = MACHINES[machine]["DefinitionSubstitutions"][substitution[1]]["Fn::GetAtt"]
    assert attribute == "Arn"
    found: Json = RESOURCES[logical_id]["Properties"]
    return found
