"""What stands after all the hostile tests: this module runs last of them."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest

from interlock_dev.local_client import FINAL, Client

pytestmark = pytest.mark.xdist_group("execution")

PLUGINS = ("dying", "greedy", "hostile", "lingering", "lying", "raising", "stuck", "vandal")


def test_nothing_that_a_plugin_has_started_is_left(left_running: Callable[[], set[int]]) -> None:
    assert left_running() == set()


@pytest.mark.parametrize("plugin", PLUGINS)
def test_the_counters_equal_the_finished_jobs(client: Client, plugin: str) -> None:
    assert client.execute(plugin, "echo", {}).status == 200
    jobs = listed(client, plugin=plugin)
    assert {job["status"] for job in jobs} <= FINAL
    health = client.call("GET", f"/v1/plugins/{plugin}/health").body
    for count, status in COUNTED.items():
        assert health[count] == sum(job["status"] == status for job in jobs), count
        for tool, counters in health["tools"].items():
            assert counters[count] == sum((job["status"], job["tool"]) == (status, tool) for job in jobs), (tool, count)


COUNTED = {
    "success_count": "succeeded",
    "error_count": "failed",
    "timed_out_count": "timed_out",
    "cancelled_count": "cancelled",
}


def listed(client: Client, **filters: str) -> list[dict[str, Any]]:
    """All jobs, page by page."""
    found: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while True:
        page = client.call("GET", f"/v1/jobs?{urlencode({**filters, **cursor, 'limit': '100'})}")
        assert page.status == 200
        found += page.body["jobs"]
        if page.body["next_cursor"] is None:
            break
        cursor = {"cursor": page.body["next_cursor"]}
    assert len({job["job_id"] for job in found}) == len(found)
    return found
