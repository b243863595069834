"""Plugins that their author serves from files: with settings, broken and fixed, and changed between requests."""

import json

import pytest

from tests.stack.stacks import EDITED, SECRET, Running

pytestmark = pytest.mark.xdist_group("own-plugins")

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


def test_plugin_gets_its_settings_and_no_one_else_sees_them(real: Running) -> None:
    client = real.client
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
    text = real.log.read_text()
    assert "plugin news needs the setting 'api_key': start with --setting news.api_key=VALUE" in text
    assert SECRET not in text


def test_plugin_that_fails_to_import_is_listed_and_served_once_fixed(real: Running) -> None:
    client = real.client
    assert "plugin fixed is unavailable: needs nothing_of_that_name: not installed\n" in real.log.read_text()
    health = client.call("GET", "/v1/plugins/fixed/health").body
    assert (health["state"], health["reason"]) == ("UNAVAILABLE", "needs nothing_of_that_name: not installed")
    assert client.execute("fixed", "answer", {}).code == "plugin_unavailable"

    (real.project / EDITED / "fixed.py").write_text(FIXED)
    answer = client.execute("fixed", "answer", {})
    assert answer.status == 200, json.dumps(answer.body)


def test_no_request_is_answered_by_the_code_before_the_change(real: Running) -> None:
    client, package = real.client, real.project / EDITED / "versioned"
    assert client.execute("versioned", "tell", {}).body["result"] == {"number": 0}
    for number in range(1, 6):
        (package / "number.py").write_text(f"NUMBER = {number}\n")  # same size, and within one second
        assert client.execute("versioned", "tell", {}).body["result"] == {"number": number}
    job = client.submit("versioned", "tell", {})
    client.until_final(job)
    assert client.call("GET", f"/v1/jobs/{job}/result").body["result"] == {"number": 5}

    module = package / "__init__.py"
    module.write_text(module.read_text().replace("number: int", "number: int\n    more: str = 'more'"))
    assert client.execute("versioned", "tell", {}).body["result"] == {"number": 5, "more": "more"}
    reloads = [line.split()[1] for line in real.log.read_text().splitlines() if line.startswith("reloaded ")]
    assert [name for name in reloads if name != "fixed.py"] == ["number.py"] * 5 + ["__init__.py"]
