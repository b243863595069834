"""Plugins that their author serves from files: with settings, broken and fixed, and changed between requests."""

import json
from collections.abc import Iterator

import pytest

from interlock_dev.stack.client import local_stack
from tests.stack.stacks import Running, link_project

pytestmark = pytest.mark.xdist_group("own-plugins")

SECRET = "s3cr3t-of-the-test"
WITH_SETTINGS = """
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


FIXED = """
from pydantic import BaseModel
from interlock.plugin import Plugin, ToolContext, tool

class Nothing(BaseModel):
    pass

class Fixed(Plugin):
    name, version = "fixed", "1.0.0"

    @tool()
    def answer(self, input: Nothing, context: ToolContext) -> Nothing:
        return Nothing()
"""
VERSIONED = """
from pydantic import BaseModel
from interlock.plugin import Plugin, ToolContext, tool
from .number import NUMBER

class Nothing(BaseModel):
    pass

class Number(BaseModel):
    number: int

class Versioned(Plugin):
    name, version = "versioned", "1.0.0"

    @tool()
    def tell(self, input: Nothing, context: ToolContext) -> Number:
        return Number(number=NUMBER)
"""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A stack with the plugins of these tests, in its project."""
    project = link_project(tmp_path_factory.mktemp("own"))
    (project / "weather.py").write_text(WITH_SETTINGS)
    (project / "fixed.py").write_text("import nothing_of_that_name\n")
    (project / "versioned").mkdir()
    (project / "versioned" / "__init__.py").write_text(VERSIONED)
    (project / "versioned" / "number.py").write_text("NUMBER = 0\n")
    log = project / "stack.log"
    options = [word for name in ("weather.py", "fixed.py", "versioned") for word in ("--plugin", str(project / name))]
    options += ["--setting", f"weather.api_key={SECRET}", "--setting", "weather.retries=5", "--log-level", "debug"]
    with local_stack(project, log, *options) as (client, _):
        yield Running(project, client, log)


def test_plugin_gets_its_settings_and_no_one_else_sees_them(stack: Running) -> None:
    client = stack.client
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
    text = stack.log.read_text()
    assert "plugin news needs the setting 'api_key': start with --setting news.api_key=VALUE" in text
    assert SECRET not in text


def test_plugin_that_fails_to_import_is_listed_and_served_once_fixed(stack: Running) -> None:
    client = stack.client
    assert "plugin fixed is unavailable: needs nothing_of_that_name: not installed\n" in stack.log.read_text()
    health = client.call("GET", "/v1/plugins/fixed/health").body
    assert (health["state"], health["reason"]) == ("UNAVAILABLE", "needs nothing_of_that_name: not installed")
    assert client.execute("fixed", "answer", {}).code == "plugin_unavailable"

    (stack.project / "fixed.py").write_text(FIXED)
    answer = client.execute("fixed", "answer", {})
    assert answer.status == 200, json.dumps(answer.body)


def test_no_request_is_answered_by_the_code_before_the_change(stack: Running) -> None:
    client, package = stack.client, stack.project / "versioned"
    assert client.execute("versioned", "tell", {}).body["result"] == {"number": 0}
    for number in range(1, 6):
        (package / "number.py").write_text(f"NUMBER = {number}\n")  # of the same size, within a second
        assert client.execute("versioned", "tell", {}).body["result"] == {"number": number}
    job = client.submit("versioned", "tell", {})
    client.until_final(job)
    assert client.call("GET", f"/v1/jobs/{job}/result").body["result"] == {"number": 5}

    (package / "__init__.py").write_text(VERSIONED.replace("number: int", "number: int\n    more: str = 'more'"))
    assert client.execute("versioned", "tell", {}).body["result"] == {"number": 5, "more": "more"}
    reloads = [line.split()[1] for line in stack.log.read_text().splitlines() if line.startswith("reloaded ")]
    assert [name for name in reloads if name != "fixed.py"] == ["number.py"] * 5 + ["__init__.py"]
