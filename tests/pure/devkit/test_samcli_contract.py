"""The internals of SAM CLI that the local stack uses. aws-sam-cli is pinned exactly; these tests show what a new
release has to keep."""

import inspect
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import pytest
from samcli.lib.providers.api_provider import ApiProvider
from samcli.lib.providers.provider import Api, Function, LayerVersion
from samcli.lib.providers.sam_function_provider import SamFunctionProvider
from samcli.lib.providers.sam_stack_provider import SamLocalStackProvider
from samcli.local.apigw.authorizers.lambda_authorizer import LambdaAuthorizer
from samcli.local.apigw.local_apigw_service import LocalApigwService
from samcli.local.apigw.route import Route

from interlock_dev.lambda_.environments import emulator_path
from interlock_dev.project.template import Template


def test_installed_release_is_the_pinned_one() -> None:
    assert version("aws-sam-cli") == "1.170.0"


@pytest.mark.parametrize(
    ("function", "parameters"),
    [
        (SamLocalStackProvider.get_stacks, ["template_dictionary", "parameter_overrides"]),
        (SamFunctionProvider.__init__, ["self", "stacks"]),
        (ApiProvider.__init__, ["self", "stacks", "cwd"]),
        (LocalApigwService.__init__, ["self", "api", "lambda_runner", "port", "host"]),
        (LocalApigwService.create, ["self"]),
        (LocalApigwService._construct_error_handling, ["self"]),
        (LocalApigwService._request_handler, ["self", "kwargs"]),
        (LocalApigwService._get_current_route, ["self", "flask_request"]),
        (LocalApigwService.get_request_methods_endpoints, ["flask_request"]),
        (LocalApigwService._generate_lambda_event, ["self", "flask_request", "route", "method", "endpoint"]),
        (LocalApigwService._generate_lambda_authorizer_event, ["self", "flask_request", "route", "lambda_authorizer"]),
        (LocalApigwService._valid_identity_sources, ["self", "request", "route"]),
        (
            LocalApigwService._parse_v1_payload_format_lambda_output,
            ["lambda_output", "binary_types", "flask_request", "event_type"],
        ),
        (LocalApigwService.service_response, ["body", "headers", "status_code"]),
        (LambdaAuthorizer.is_valid_response, ["self", "response", "method_arn"]),
        (LambdaAuthorizer.get_context, ["self", "response"]),
    ],
)
def test_called_functions_accept_our_arguments(function: Callable[..., Any], parameters: list[str]) -> None:
    assert set(parameters) <= set(inspect.signature(function).parameters)


def test_request_handler_of_sam_reports_its_use_to_aws() -> None:
    """The local stack replaces the handler for this reason. If this test fails, the replacement may be unnecessary."""
    assert "EventTracker.track_event" in inspect.getsource(LocalApigwService._request_handler)


@pytest.mark.parametrize(
    "field",
    ["name", "handler", "runtime", "codeuri", "layers", "memory", "timeout", "environment", "logging_config", "events"],
)
def test_function_has_the_fields_that_the_local_stack_reads(field: str) -> None:
    assert field in Function._fields


def test_layer_has_a_folder() -> None:
    assert isinstance(LayerVersion.codeuri, property)


def test_routes_and_authorizers_have_the_fields_that_the_local_stack_reads(template: Template) -> None:
    api: Api = template.api()
    assert api.stage_name == "prod"
    assert api.binary_media_types == []
    guarded = next(route for route in api.routes if route.path == "/v1/things/{id}")
    assert (guarded.function_name, guarded.event_type) == ("WorkFunction", Route.API)
    assert set(guarded.methods) == {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
    assert guarded.authorizer_object.lambda_name == "AuthorizeFunction"
    assert next(route for route in api.routes if route.path == "/v1/open").authorizer_object is None


def test_package_contains_the_emulator() -> None:
    assert emulator_path().is_file()
