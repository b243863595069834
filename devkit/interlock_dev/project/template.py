"""The SAM template, parsed by SAM CLI's providers, so that routes, functions, layers and variables are those of `sam`.

SAM CLI resolves a reference to a resource to its logical id, and every `Arn` to the ARN of a Lambda function. The
template is therefore resolved twice: first to find the resources, then with the names and ARNs that they have in the
local stack.
"""

import logging
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

# SAM CLI sends telemetry to AWS unless this is set before its modules are imported.
os.environ["SAM_CLI_TELEMETRY"] = "0"

import yaml
from samcli.commands._utils.template import get_template_data
from samcli.lib.providers.api_provider import ApiProvider
from samcli.lib.providers.sam_function_provider import SamFunctionProvider
from samcli.lib.providers.sam_stack_provider import SamLocalStackProvider

from interlock_dev.project.parameters import check as check_parameters

# Suppresses a warning about local authorizers at every start.
logging.getLogger("samcli.lib.providers.api_collector").setLevel(logging.ERROR)

STACK_NAME = "interlock-dev"
REGION = "us-east-1"
ACCOUNT = "123456789012"


class AwsType(StrEnum):
    """Resource types that the local stack supports, besides functions and layers."""

    API = "AWS::Serverless::Api"
    BUCKET = "AWS::S3::Bucket"
    EVENT_SOURCE = "AWS::Lambda::EventSourceMapping"
    QUEUE = "AWS::SQS::Queue"
    STATE_MACHINE = "AWS::Serverless::StateMachine"
    TABLE = "AWS::DynamoDB::Table"


@dataclass(frozen=True, slots=True)
class Function:
    """A function. `layers` are the folders that AWS unpacks into /opt, in order; `variables` are the template's."""

    name: str
    handler: str
    runtime: str
    task_root: Path
    layers: tuple[Path, ...]
    memory_mb: int
    timeout_s: int
    variables: Mapping[str, str]
    log_level: str | None
    """The level of logs in JSON, None for logs of plain text."""
    policies: Sequence[Any]


@dataclass(frozen=True, slots=True)
class Resource:
    """A table, bucket, queue or state machine with its name in the local stack."""

    logical_id: str
    type: str
    name: str
    arn: str
    properties: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Schedule:
    """A schedule event with its function, rule name and expression (`rate(1 minute)`)."""

    function: str
    rule: str
    expression: str


class Template:
    """A template file, from source or from `sam build`."""

    def __init__(self, path: Path, parameters: Mapping[str, str] | None = None) -> None:
        """Read a template. `parameters` override its defaults. Raise `UsageError` for values that it does not allow."""
        self._path = path
        parameters = parameters or {}
        parsed = get_template_data(str(path))
        read = _stacks(parsed, parameters)
        check_parameters(parameters, read[0].template_dict.get("Parameters", {}))
        translations: dict[str, object] = {
            resource.logical_id: {
                # `!Ref` of a state machine is its ARN.
                "Ref": resource.arn if resource.type == AwsType.STATE_MACHINE else resource.name,
                "Arn": resource.arn,
                "StreamArn": f"{resource.arn}/stream/local",
            }
            for resource in _resources(read)
        }
        # The local stack has no versions, so an alias is resolved to its function.
        translations |= {
            f"{function.name}.Alias": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{function.name}"
            for function in SamFunctionProvider(read).get_all()
        }
        self._stacks = _stacks(parsed, {**parameters, **translations})
        self.resources = list(_resources(self._stacks))

    def of_type(self, wanted: AwsType) -> list[Resource]:
        return [resource for resource in self.resources if resource.type == wanted]

    def functions(self) -> dict[str, Function]:
        """Return the functions by logical id."""
        return {found.name: self._function(found) for found in SamFunctionProvider(self._stacks).get_all()}

    def _function(self, found: Any) -> Function:
        variables = (found.environment or {}).get("Variables", {})
        return Function(
            name=found.name,
            handler=found.handler,
            runtime=found.runtime,
            task_root=self._folder(found.codeuri),
            layers=tuple(self._folder(layer.codeuri) for layer in found.layers),
            memory_mb=int(found.memory or 128),
            timeout_s=int(found.timeout or 3),
            variables={name: _as_text(value) for name, value in variables.items()},
            log_level=_json_log_level(found.logging_config or {}),
            policies=self._stacks[0].resources[found.name]["Properties"].get("Policies", []),
        )

    def _folder(self, uri: str) -> Path:
        return (self._path.parent / uri).resolve()

    def api(self) -> Any:
        """Return the REST API with its routes, in the form that SAM CLI's front end expects."""
        return ApiProvider(self._stacks, cwd=str(self._path.parent)).api

    def api_properties(self) -> Mapping[str, Any]:
        """Return the properties of the REST API, such as its gateway responses and access log."""
        for resource in self._stacks[0].resources.values():
            if resource["Type"] == AwsType.API:
                properties: Mapping[str, Any] = resource["Properties"]
                return properties
        return {}

    def definition(self, state_machine: Resource) -> Mapping[str, Any]:
        """Return a state machine's definition with its substitutions applied."""
        substitutions = state_machine.properties.get("DefinitionSubstitutions", {})
        text = self._folder(state_machine.properties["DefinitionUri"]).read_text()
        for name, value in substitutions.items():
            text = text.replace(f"${{{name}}}", str(value))
        definition: Mapping[str, Any] = yaml.safe_load(text)
        return definition

    def event_sources(self) -> list[Mapping[str, Any]]:
        """Return the properties of the event source mappings."""
        found = self._stacks[0].resources.values()
        return [one["Properties"] for one in found if one["Type"] == AwsType.EVENT_SOURCE]

    def schedules(self) -> list[Schedule]:
        """Return the schedule events of all functions."""
        return [
            Schedule(function.name, f"{STACK_NAME}-{function.name}{name}", event["Properties"]["Schedule"])
            for function in SamFunctionProvider(self._stacks).get_all()
            for name, event in (function.events or {}).items()
            if event["Type"] == "Schedule"
        ]


def table_of(stream_arn: str) -> str:
    """Return the name of the table that a stream belongs to."""
    return stream_arn.partition(":table/")[2].partition("/")[0]


def _stacks(parsed: Mapping[str, Any], known: Mapping[str, object]) -> Any:
    """Resolve the parsed template. `known` maps parameters to values, and resources to their references."""
    parameters = {"AWS::StackName": STACK_NAME, "AWS::Region": REGION, "AWS::AccountId": ACCOUNT, **known}
    # SAM CLI changes the template that it is given.
    template = deepcopy(parsed)
    return SamLocalStackProvider.get_stacks(template_dictionary=template, parameter_overrides=parameters)[0]


def _resources(stacks: Any) -> Iterator[Resource]:
    for key, resource in stacks[0].resources.items():
        # SAM CLI renames resources with an overridden name, and keeps the logical id in the metadata.
        logical_id = resource.get("Metadata", {}).get("SamResourceId", key)
        properties = resource.get("Properties", {})
        default = f"{STACK_NAME}-{logical_id}"
        match resource["Type"]:
            case AwsType.TABLE:
                name = properties.get("TableName", default)
                arn = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{name}"
            case AwsType.BUCKET:
                name = properties.get("BucketName", default).lower()
                arn = f"arn:aws:s3:::{name}"
            case AwsType.QUEUE:
                name = properties.get("QueueName", default)
                arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"
            case AwsType.STATE_MACHINE:
                name = properties.get("Name", default)
                arn = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:{name}"
            case _:
                continue
        yield Resource(logical_id, resource["Type"], name, arn, properties)


def _as_text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value)


_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def short_name(function: str) -> str:
    """`RunJobFunction` → `run_job`."""
    return _CAMEL.sub("_", function.removesuffix("Function")).lower()


def _json_log_level(logging: Mapping[str, Any]) -> str | None:
    """Return the level of a function's `LoggingConfig`. Lambda's default is INFO."""
    return str(logging.get("ApplicationLogLevel", "INFO")) if logging.get("LogFormat") == "JSON" else None
