"""Settings that plugins declare: their manifest, their validation, and where the values come from."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from pydantic import BaseModel, Field, SecretStr

from interlock.adapters.plugin_settings import REREAD_S, PluginSettings
from interlock.domain.errors import PluginUnavailable, ServiceUnavailable
from interlock.domain.manifest import PluginManifest, PluginSource, SettingManifest
from interlock.plugin import Plugin, ToolContext, tool
from interlock.plugin_settings import InvalidSettings, configure
from interlock.plugins.describing import describe_class
from interlock.sandbox import Code
from interlock.testing import ToolFailed, run_tool
from tests.documented import code_block
from tests.pure.core.echo_plugin import In, Out

SECRET = "s3cr3t-value"


class Settings(BaseModel):
    api_key: SecretStr = Field(description="The key.", min_length=8)
    spare_key: SecretStr | None = None
    retries: int = 3


class Calling(Plugin):
    name, version = "calling", "1"
    settings = Settings
    config: Settings

    @tool()
    def call(self, input: In, context: ToolContext) -> Out:
        return Out(text=str(self.config.retries))


def test_manifest_shows_names_and_types_of_settings() -> None:
    manifest = describe_class(Calling, PluginSource("calling", "Calling"))
    assert manifest.settings == (
        SettingManifest("api_key", "string", "The key.", required=True, secret=True),
        SettingManifest("spare_key", "any", "", required=False, secret=True),
        SettingManifest("retries", "integer", "", required=False, secret=False),
    )
    assert PluginManifest.from_dict(json.loads(json.dumps(manifest.to_dict()))) == manifest
    assert manifest.public()["settings"][2]["name"] == "retries"


def test_example_of_the_documentation_is_a_valid_declaration() -> None:
    names: dict[str, Any] = {}
    exec(code_block("docs/plugins.md", "python", "from pydantic import BaseModel, SecretStr"), names)
    weather = type("Asking", (names["Weather"],), {"ask": Calling.call})
    [key, retries] = describe_class(weather, PluginSource("weather", "Weather")).settings
    assert (key.name, key.secret, key.required) == ("api_key", True, True)
    assert (retries.name, retries.secret, retries.required) == ("retries", False, False)


def test_manifest_of_an_older_index_has_no_settings() -> None:
    document = describe_class(Calling, PluginSource("calling", "Calling")).to_dict()
    del document["settings"]
    assert PluginManifest.from_dict(document).settings == ()


def test_settings_must_be_a_model() -> None:
    with pytest.raises(TypeError, match="plugin 'calling': set 'settings' to a pydantic model"):
        describe_class(type("Wrong", (Calling,), {"settings": {"api_key": "x"}}), PluginSource("calling", "Wrong"))


def test_values_become_an_instance_of_the_model() -> None:
    plugin = Calling()
    configure(plugin, {"api_key": SECRET, "retries": "5", "unknown": 1})
    assert (plugin.config.retries, plugin.config.api_key.get_secret_value()) == (5, SECRET)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({}, "needs the setting 'api_key': not set"),
        ({"api_key": "s3cr3t"}, "the setting 'api_key' is not valid"),
        ({"api_key": [SECRET]}, "the setting 'api_key' is not valid"),
        ({"spare_key": 1}, "needs the setting 'api_key': not set; the setting 'spare_key' is not valid"),
    ],
)
def test_reason_names_the_setting_and_not_its_value(values: dict[str, Any], reason: str) -> None:
    with pytest.raises(InvalidSettings) as caught:
        configure(Calling(), values)
    assert str(caught.value) == reason
    assert "s3cr3t" not in repr(caught.value)
    assert caught.value.__suppress_context__


def test_plugin_runs_with_the_settings_of_its_stack() -> None:
    run = run_tool(Calling, "call", {"text": "x"}, settings={"api_key": SECRET, "retries": "5"})
    assert run.result == {"text": "5"}


def test_plugin_with_invalid_settings_is_unavailable_and_names_them() -> None:
    with pytest.raises(ToolFailed) as caught:
        run_tool(Calling, "call", {"text": "x"}, settings={"api_key": "s3cr3t"})
    reason = "the setting 'api_key' is not valid"
    assert (caught.value.code, caught.value.details) == ("plugin_unavailable", {"reason": reason})


def test_settings_are_not_in_the_text_of_the_code_to_load() -> None:
    assert SECRET not in repr(Code(SECRET.encode()))


# --- Sources of values ---

STORED = json.dumps({"calling": {"api_key": SECRET}, "odd": 3})


class Store:
    """A fake of Secrets Manager and the Parameter Store that returns one value."""

    def __init__(self, value: str | Exception = STORED) -> None:
        self.value = value
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.now = 0.0

    def settings(self, source: str) -> PluginSettings:
        client: Callable[[str], Any] = lambda _: self  # noqa: E731
        return PluginSettings(source, "stack", client=client, clock=lambda: self.now)

    def _answer(self, name: str, asked: dict[str, Any]) -> str:
        self.asked.append((name, asked))
        if isinstance(self.value, Exception):
            raise self.value
        return self.value

    def get_secret_value(self, **asked: Any) -> dict[str, Any]:
        return {"SecretString": self._answer("secret", asked)}

    def get_parameter(self, **asked: Any) -> dict[str, Any]:
        return {"Parameter": {"Value": self._answer("parameter", asked)}}


@pytest.mark.parametrize(
    ("source", "asked"),
    [
        ("secretsmanager", [("secret", {"SecretId": "stack/plugins"})]),
        ("ssm", [("parameter", {"Name": "/stack/plugins", "WithDecryption": True})]),
        (STORED, []),
    ],
)
def test_each_plugin_gets_its_own_part(source: str, asked: list[Any]) -> None:
    store = Store()
    settings = store.settings(source)
    assert settings.of("calling") == {"api_key": SECRET}
    assert settings.of("other") == {}
    assert store.asked == asked


def test_without_a_source_there_are_no_settings() -> None:
    assert Store().settings("none").of("calling") == {}


def test_changed_values_are_read_after_some_minutes() -> None:
    store = Store()
    settings = store.settings("ssm")
    settings.of("calling")
    store.value = json.dumps({"calling": {"api_key": "rotated"}})
    store.now = REREAD_S - 1
    assert settings.of("calling") == {"api_key": SECRET}
    store.now = REREAD_S
    assert settings.of("calling") == {"api_key": "rotated"}


@pytest.mark.parametrize("text", ["not JSON s3cr3t", "[]", '{"calling": "s3cr3t"}'])
def test_text_that_is_not_an_object_makes_the_plugin_unavailable(text: str) -> None:
    with pytest.raises(PluginUnavailable, match="JSON object") as caught:
        Store(text).settings("ssm").of("calling")
    assert "s3cr3t" not in f"{caught.value} {caught.value.details}"


def client_error(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "for stack/plugins"}}, "GetParameter")


@pytest.mark.parametrize("code", ["AccessDeniedException", "ParameterNotFound", "ResourceNotFoundException"])
def test_missing_permission_or_secret_makes_the_plugin_unavailable(code: str) -> None:
    with pytest.raises(PluginUnavailable) as caught:
        Store(client_error(code)).settings("ssm").of("calling")
    assert caught.value.details["reason"] == f"its settings cannot be read ({code})"


@pytest.mark.parametrize("error", [client_error("InternalServerError"), EndpointConnectionError(endpoint_url="x")])
def test_service_that_is_down_is_reported_as_such(error: Exception) -> None:
    with pytest.raises(ServiceUnavailable):
        Store(error).settings("secretsmanager").of("calling")
