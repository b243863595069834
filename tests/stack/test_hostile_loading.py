"""A plugin that cannot be loaded is listed with its reason, and executing it fails with a `PluginError`."""

import pytest

from interlock_dev.stack.client import Client
from tests.stack.conftest import SlowSetup
from tests.stack.rest import counted_health

# In the group of the tests that run while the slow plugins load.
pytestmark = pytest.mark.xdist_group("hostile-ends")

BROKEN = {
    "import_raises": "its import failed: LookupError: no such model (import_raises.py, line 3)",
    "import_exits": "its import exited with 'not today' (import_exits.py, line 5)",
    "import_dies": "its import exited with 7",
    "import_segfaults": "its import was ended by signal 11",
    "import_misses": "needs no_such_package_anywhere: not installed",
}


@pytest.mark.parametrize(("plugin", "reason"), BROKEN.items(), ids=BROKEN)
def test_a_plugin_that_cannot_be_imported_is_unavailable(client: Client, plugin: str, reason: str) -> None:
    listed = {one["name"]: one for one in client.call("GET", "/v1/plugins").body["plugins"]}
    assert (listed[plugin]["state"], listed[plugin]["reason"]) == ("UNAVAILABLE", reason)
    health = client.call("GET", f"/v1/plugins/{plugin}/health").body
    assert (health["state"], health["reason"]) == ("UNAVAILABLE", reason)

    answer = client.execute(plugin, None, {})
    assert (answer.status, answer.code) == (400, "plugin_unavailable")
    error = answer.body["error"]
    assert (error["type"], error["details"], error["job_id"]) == ("PluginError", {"reason": reason}, None)
    assert client.call("GET", f"/v1/jobs?plugin={plugin}").body["jobs"] == []


def test_slow_import_does_not_count_against_the_tool(client: Client) -> None:
    """The import takes longer than the timeout of the tool."""
    for _ in range(2):
        assert client.execute("slow_import", "echo", {}).status == 200


@pytest.mark.parametrize(
    ("plugin", "reason"),
    [
        ("import_raises_at_work", "LookupError: not here"),
        ("setup_raises", "LookupError: no such model"),
        ("setup_exits", "SystemExit: not today"),
        ("setup_dies", "its process exited with code 3 while it was being loaded"),
    ],
)
def test_a_plugin_that_is_not_ready_to_run_is_unavailable(client: Client, plugin: str, reason: str) -> None:
    """Every call loads the plugin again, because a failed attempt leaves nothing that could be called."""
    for _ in range(2):
        answer = client.execute(plugin, "echo", {})
        assert (answer.status, answer.code) == (400, "plugin_unavailable")
        error = answer.body["error"]
        assert error["details"] == {"reason": reason}
        job = client.job(error["job_id"])
        assert (job["status"], job["error"]) == ("failed", error)
        health = counted_health(client, plugin)
        assert (health["state"], health["reason"]) == ("UNAVAILABLE", reason)
    assert client.execute("hostile", "echo", {"text": "x"}).status == 200


def test_a_setup_that_hangs_is_given_up(slow_setup: SlowSetup) -> None:
    answer = slow_setup("setup_hangs")
    assert (answer.status, answer.code) == (400, "plugin_unavailable")


def test_a_slow_setup_does_not_take_a_synchronous_call_over_its_limit(client: Client, slow_setup: SlowSetup) -> None:
    """Loading time is deducted from the tool's limit, because the gateway limits the duration of the whole call."""
    answer = slow_setup("setup_is_slow")
    assert (answer.status, answer.code) == (400, "timeout")
    assert client.job(answer.body["error"]["job_id"])["status"] == "timed_out"
