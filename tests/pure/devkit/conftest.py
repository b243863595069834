"""A small template, and a gateway for it whose functions are Python callables."""

import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import Client

from interlock_dev.apigateway.gateway import Gateway
from interlock_dev.project.template import Template
from tests.pure.devkit.fakes import FakeFunctions

TEMPLATE = """
AWSTemplateFormatVersion: "2010-09-09"
Transform: AWS::Serverless-2016-10-31
Resources:
  Api:
    Type: AWS::Serverless::Api
    Properties:
      StageName: prod
      Auth:
        DefaultAuthorizer: Key
        Authorizers:
          Key:
            FunctionArn: !GetAtt AuthorizeFunction.Arn
            FunctionPayloadType: REQUEST
            Identity: {Headers: [X-API-Key]}
      GatewayResponses:
        ACCESS_DENIED:
          StatusCode: 401
          ResponseTemplates: {application/json: '{"denied":"$context.authorizer.timestamp"}'}
        MISSING_AUTHENTICATION_TOKEN:
          StatusCode: 404
          ResponseTemplates: {application/json: '{"route":"$context.requestTime"}'}
        DEFAULT_5XX:
          StatusCode: 503
          ResponseParameters: {Headers: {Retry-After: "'1'"}}
          ResponseTemplates: {application/json: '{"server":"$context.error.responseType"}'}
      AccessLogSetting:
        DestinationArn: arn:aws:logs:us-east-1:123456789012:log-group:api
        Format: '$context.httpMethod $context.resourcePath $context.status $context.authorizer.tenant'
  AuthorizeFunction:
    Type: AWS::Serverless::Function
    Properties: {Runtime: python3.13, Handler: handler.handler, CodeUri: authorize/}
  WorkFunction:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.13
      Handler: handler.handler
      CodeUri: work/
      Events:
        Guarded: {Type: Api, Properties: {RestApiId: !Ref Api, Path: "/v1/things/{id}", Method: any}}
        Open: {Type: Api, Properties: {RestApiId: !Ref Api, Path: /v1/open, Method: any, Auth: {Authorizer: NONE}}}
        OnlyGet: {Type: Api, Properties: {RestApiId: !Ref Api, Path: /v1/get, Method: get, Auth: {Authorizer: NONE}}}
"""


def allow(event: dict[str, Any]) -> dict[str, Any]:
    return policy("Allow", event, {"tenant": "acme"})


def policy(effect: str, event: dict[str, Any], context: dict[str, Any]) -> dict[str, Any]:
    statement = {"Action": "execute-api:Invoke", "Effect": effect, "Resource": event["methodArn"]}
    return {
        "principalId": "somebody",
        "policyDocument": {"Version": "2012-10-17", "Statement": [statement]},
        "context": context,
    }


def ok(_: dict[str, Any]) -> dict[str, Any]:
    return {"statusCode": 200, "body": "fine"}


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Template:
    path: Path = tmp_path_factory.mktemp("project") / "template.yaml"
    path.write_text(TEMPLATE)
    with warnings.catch_warnings():
        # SAM's validator triggers deprecation warnings itself.
        warnings.simplefilter("ignore", DeprecationWarning)
        return Template(path)


type Function = Callable[[dict[str, Any]], Any]
type Serve = Callable[..., tuple[Client, FakeFunctions]]


@pytest.fixture
def serve(template: Template) -> Iterator[Serve]:
    """Return a function that creates a client of a gateway with the given functions."""
    gateways: list[Gateway] = []

    def serving(work: Function = ok, authorize: Function = allow, timeout_s: float = 5) -> tuple[Client, FakeFunctions]:
        functions = FakeFunctions(WorkFunction=work, AuthorizeFunction=authorize)
        gateway = Gateway(
            template.api(), functions, properties=template.api_properties(), port=3000, timeout_s=timeout_s
        )
        gateways.append(gateway)
        return Client(gateway.wsgi), functions

    yield serving
    for gateway in gateways:
        gateway.close()
