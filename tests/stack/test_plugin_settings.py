"""Settings of plugins on the local stack: values reach the plugin and are shown nowhere."""

from pathlib import Path

import pytest

from interlock_dev.stack.client import local_stack
from tests.stack.stacks import link_project

pytestmark = pytest.mark.xdist_group("stack")

SECRET = "s3cr3t-of-the-test"
PLUGINS = """
import os
from pydantic import BaseModel, SecretStr
from interlock.plugin import Plugin, ToolContext, tool

class Settings(BaseModel):
    api_key: SecretStr
    retries: int = 3

class Nothing(BaseModel):
    pass

class Told(BaseModel):
    length: int
    retries: int
    environment: str

class Weather(Plugin):
    name, version = "weather", "1"
    settings = Settings
    config: Settings

    @tool()
    def ask(self, input: Nothing, context: ToolContext) -> Told:
        key = self.config.api_key
        print("asked with", key)
        return Told(length=len(key.get_secret_value()), retries=self.config.retries, environment=str(dict(os.environ)))

class News(Weather):
    name = "news"
"""


def test_plugin_gets_its_settings_and_no_one_else_sees_them(tmp_path: Path) -> None:
    (tmp_path / "weather.py").write_text(PLUGINS)
    project = link_project(tmp_path)
    log = project / "stack.log"
    options = "--plugin", str(tmp_path / "weather.py"), "--setting", f"weather.api_key={SECRET}"
    with local_stack(project, log, *options, "--setting", "weather.retries=5", "--log-level", "debug") as (client, _):
        result = client.execute("weather", "ask", {}).body["result"]
        assert (result["length"], result["retries"]) == (len(SECRET), 5)
        job = client.submit("weather", "ask", {})
        assert client.until_final(job)["status"] == "succeeded"
        refused = client.execute("news", "ask", {})
        assert (refused.status, refused.code) == (400, "plugin_unavailable")
        assert refused.body["error"]["details"]["reason"] == "needs the setting 'api_key': not set"
        page = client.call("GET", "/v1/plugins/news").body
        assert page["settings"][0] == {
            "name": "api_key",
            "type": "string",
            "description": "",
            "required": True,
            "secret": True,
        }
        client.until_counted("news", 1)
        health = client.call("GET", "/v1/plugins/news/health").body
        assert (health["state"], health["reason"]) == ("UNAVAILABLE", "needs the setting 'api_key': not set")
        shown = [client.call("GET", path).body for path in ("/v1/plugins", "/v1/plugins/weather", "/v1/jobs")]
        events = client.call("GET", f"/v1/jobs/{job}/events").body
    assert "asked with **********" in str(events)
    assert SECRET not in str([result, shown, events])
    text = log.read_text()
    assert "plugin news needs the setting 'api_key': start with --setting news.api_key=VALUE" in text
    assert SECRET not in text
