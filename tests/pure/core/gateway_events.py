"""Events as received from the gateway."""

from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent

from tests.fakes.world import rest_event


def event(text: str | bytes | None = None, **headers: str) -> APIGatewayProxyEvent:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return APIGatewayProxyEvent(rest_event("POST", "/v1/execute", text=text, headers=named))
