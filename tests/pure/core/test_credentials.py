"""Functions discard the caller's credentials, and all other headers that no route reads."""

import json

import pytest

from tests.fakes.world import World, rest_event


@pytest.mark.parametrize("name", ["X-API-Key", "x-api-key", "Authorization"])
@pytest.mark.parametrize(("method", "path"), [("GET", "/v1/plugins"), ("POST", "/v1/execute")])
def test_credentials_are_removed_from_the_event(world: World, method: str, path: str, name: str) -> None:
    event = rest_event(method, path, text="{}", headers={name: "ilk_secret", "Accept": "*/*"})
    event["requestContext"]["identity"] = {"apiKey": "ilk_secret", "sourceIp": "192.0.2.1"}
    app = world._execute if method == "POST" else world._jobs

    app.resolve(event, world.context)

    assert "ilk_secret" not in json.dumps(event)
    assert event["headers"] == {}
    assert event["multiValueHeaders"].keys() <= {"Content-Type"}
    assert event["requestContext"]["identity"] == {"sourceIp": "192.0.2.1"}


@pytest.mark.parametrize("without", ["headers", "multiValueHeaders"])
def test_headers_that_routes_read_are_kept_from_either_form(world: World, without: str) -> None:
    event = rest_event("POST", "/v1/execute", text="{}", headers={"PREFER": "wait=5", "Accept": "*/*"})
    event[without] = None

    world._execute.resolve(event, world.context)

    assert event["multiValueHeaders"]["PREFER"] == ["wait=5"]


def test_event_without_headers_is_resolved(world: World) -> None:
    event = {**rest_event("GET", "/v1/health"), "headers": None, "multiValueHeaders": None}

    assert world._jobs.resolve(event, world.context)["statusCode"] == 200
