"""Checks of a stack whose jobs have all finished."""

from collections import Counter
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


def assert_counters_equal_jobs(client: Client, *others: Client) -> None:
    """Assert that all counters equal the jobs, once these have finished. The clients have a key of each tenant."""
    for one in (client, *others):
        for status in ("pending", "running", "cancelling"):
            for job in listed(one, status=status):
                one.until_final(job["job_id"])
    jobs = [job for one in (client, *others) for job in listed(one)]
    counted = Counter((job["plugin"], job["tool"], job["status"]) for job in jobs)
    for plugin in client.call("GET", "/v1/plugins").body["plugins"]:
        name = plugin["name"]
        health = client.until_counted(name, sum(job["plugin"] == name for job in jobs))
        for count, status in COUNTED.items():
            of_plugin = sum(job["plugin"] == name and job["status"] == status for job in jobs)
            assert health[count] == of_plugin, (name, count)
            for tool, counters in health["tools"].items():
                assert counters[count] == counted[name, tool, status], (name, tool, count)


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
