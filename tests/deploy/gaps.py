"""Work around parts of a template that ministack ignores and CloudFormation does not: the template stays
unchanged. docs/deploy.md lists these, and the other differences.
"""

import shutil
from pathlib import Path
from typing import Any

from samcli.yamlhelper import yaml_dump, yaml_parse

from tests.deploy.ministack import ROOT

BUILT = ROOT / ".aws-sam" / "build"
METHODS = ("get", "post", "put", "patch", "delete", "head", "options")

WITH_SHARD = """
import handler

def with_shard(event, context):
    return handler.handler({"shardId": "shardId-00000000000000000000-00000000", "state": {}, **event}, context)
"""
"""The handler of `count_jobs`, with the fields of a tumbling window in its events. ministack has only this shard."""


def template() -> Path:
    """Return the built template as ministack takes it.

    It has a route for each method in place of `any`, which the import of an API ignores, and no saved queries. The
    definitions of workflows are inline, since ministack reads files only as JSON. `count_jobs` adds the shard to its
    events, which ministack sends without the fields of their window.
    """
    built = yaml_parse((BUILT / "template.yaml").read_text())
    # ministack does not support saved queries, and would refuse the whole template.
    for name in [name for name, one in built["Resources"].items() if one["Type"] == "AWS::Logs::QueryDefinition"]:
        del built["Resources"][name]
    for resource in built["Resources"].values():
        events = resource["Properties"].get("Events", {})
        for name in [name for name, event in events.items() if event["Properties"].get("Method") == "any"]:
            event = events.pop(name)
            for method in METHODS:
                events[f"{name}{method.title()}"] = {**event, "Properties": {**event["Properties"], "Method": method}}
    for name in ("Workflow", "DeliveryWorkflow"):
        workflow = built["Resources"][name]["Properties"]
        workflow["Definition"] = yaml_parse((BUILT / workflow.pop("DefinitionUri")).read_text())
    _add_shard(built["Resources"]["CountJobsFunction"]["Properties"])
    # Next to the built template, because both refer to folders there.
    file = BUILT / "ministack.yaml"
    file.write_text(yaml_dump(built))
    return file


def _add_shard(function: dict[str, Any]) -> None:
    code = BUILT / "ministack"
    shutil.rmtree(code, ignore_errors=True)
    shutil.copytree(BUILT / function["CodeUri"], code)
    (code / "ministack_handler.py").write_text(WITH_SHARD)
    function |= {"CodeUri": code.name, "Handler": "ministack_handler.with_shard"}


def put_gateway_responses(gateway: Any, api_id: str) -> None:
    """Create the template's gateway responses, which the import ignores too, and deploy the API with them."""
    api = yaml_parse((ROOT / "template.yaml").read_text())["Resources"]["Api"]["Properties"]
    for kind, response in api["GatewayResponses"].items():
        headers = response.get("ResponseParameters", {}).get("Headers", {})
        status = {"statusCode": str(response["StatusCode"])} if "StatusCode" in response else {}
        gateway.put_gateway_response(
            restApiId=api_id,
            responseType=kind,
            responseTemplates=response["ResponseTemplates"],
            responseParameters={f"gatewayresponse.header.{name}": value for name, value in headers.items()},
            **status,
        )
    gateway.create_deployment(restApiId=api_id, stageName=api["StageName"])
