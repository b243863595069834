"""Plugins over HTTP: lifecycle, counters, and hostile pictures."""

import base64
from typing import Any

import pytest

from interlock_dev.stack.client import Client
from tests.stack.rest import counted_health

SHIPPED = ("block_mapper", "image", "motion", "ocr")
HOSTILE_IMAGES = {
    "zero bytes": b"",
    "text renamed": b"this is not a picture",
    "truncated": base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAoAAAAKCAYAAACNMs+9AAAAFUlEQVR42mNk"),
}


def health(client: Client, plugin: str) -> dict[str, Any]:
    return counted_health(client, plugin)


def test_audit_reports_no_difference_in_a_layer_as_built(client: Client) -> None:
    listed = client.call("GET", "/v1/plugins").body["plugins"]
    shipped = {one["name"]: one["reason"] for one in listed if one["name"] in SHIPPED}
    assert shipped == dict.fromkeys(SHIPPED)


def test_the_lifecycle_follows_the_runs(client: Client) -> None:
    client.execute("hostile", "raises", {})
    assert health(client, "hostile")["state"] == "FAILED"
    client.execute("hostile", "refuses_input", {})
    assert health(client, "hostile")["state"] == "FAILED"
    client.execute("hostile", "echo", {})
    assert health(client, "hostile")["state"] == "INITIALIZED"
    client.execute("hostile", "refuses_input", {})
    assert health(client, "hostile")["state"] == "INITIALIZED"


def test_the_counters_are_those_of_the_jobs(client: Client) -> None:
    before = health(client, "hostile")
    for tool in ("echo", "echo", "raises", "os_exit", "sleeps_past_its_limit"):
        client.execute("hostile", tool, {})
    after = health(client, "hostile")
    moved = {name: after[f"{name}_count"] - before[f"{name}_count"] for name in ("success", "error", "timed_out")}
    assert moved == {"success": 2, "error": 2, "timed_out": 1}
    assert after["tools"]["echo"]["success_count"] - before["tools"]["echo"]["success_count"] == 2
    assert after["last_execution_time_ms"] >= 1000


@pytest.mark.parametrize("content", HOSTILE_IMAGES.values(), ids=HOSTILE_IMAGES.keys())
@pytest.mark.parametrize(
    ("plugin", "tool"), [("ocr", "analyze"), ("image", "inspect"), ("image", "thumbnail"), ("block_mapper", "analyze")]
)
def test_a_hostile_picture_is_the_callers_fault(client: Client, plugin: str, tool: str, content: bytes) -> None:
    answer = client.execute(plugin, tool, {"image": base64.b64encode(content).decode()})
    assert (answer.status, answer.code) == (400, "invalid_input")
    assert [problem["path"] for problem in answer.body["error"]["details"]["errors"]] == ["/image"]


def test_page_says_why_each_process_loads_the_plugin(client: Client) -> None:
    assert client.execute("leaves_thread", "echo", {}).status == 200
    found = {"fork_safe": False, "fork_unsafe_reason": "loading it leaves behind: 1 thread"}
    shown = [
        health(client, "leaves_thread"),
        client.call("GET", "/v1/plugins/leaves_thread").body,
        *(one for one in client.call("GET", "/v1/plugins").body["plugins"] if one["name"] == "leaves_thread"),
    ]
    assert [{name: one[name] for name in found} for one in shown] == [found] * 3
