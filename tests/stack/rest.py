"""Checks of a stack whose jobs have all finished."""

from typing import Any
from urllib.parse import urlencode

from interlock_dev.stack.client import FINAL, Client

COUNTED = {
    "success_count": "succeeded",
    "error_count": "failed",
    "timed_out_count": "timed_out",
    "cancelled_count": "cancelled",
}
"""Each counter of a plugin, or of a tool, with the status that it counts."""


def assert_counters_equal_jobs(client: Client) -> None:
    """Assert it for each plugin and tool. All jobs must have finished."""
    for plugin in client.call("GET", "/v1/plugins").body["plugins"]:
        name = plugin["name"]
        for status in ("pending", "running", "cancelling"):
            for job in listed(client, plugin=name, status=status):
                client.until_final(job["job_id"])
        jobs = listed(client, plugin=name)
        health = counted_health(client, name)
        for count, status in COUNTED.items():
            assert health[count] == sum(job["status"] == status for job in jobs), (name, count)
            for tool, counters in health["tools"].items():
                of_tool = sum((job["status"], job["tool"]) == (status, tool) for job in jobs)
                assert counters[count] == of_tool, (name, tool, count)


def counted_health(client: Client, plugin: str) -> dict[str, Any]:
    """Return a plugin's health when its counters include all of its finished jobs."""
    return client.until_counted(plugin, sum(job["status"] in FINAL for job in listed(client, plugin=plugin)))


def listed(client: Client, **filters: str) -> list[dict[str, Any]]:
    """Return all jobs, read page by page."""
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
