"""Batches over HTTP: prepared, run by the workflow's Map, counted from the stream, cancelled, and collected."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from interlock_client import ConflictError, Interlock, ValidationError
from interlock_dev.stack.client import Client
from tests.stack.batch_helpers import jobs_of, results_of, until_batch
from tests.stack.test_cancel import gone, running_pids
from tests.volume import volume

pytestmark = pytest.mark.timeout(volume(sample=120, full=1800))

ITEMS = volume(sample=24, full=2000)
CONCURRENCY = volume(sample=4, full=16)
NONE = {"pending": 0, "running": 0, "succeeded": 0, "failed": 0, "timed_out": 0, "cancelled": 0}
WITHIN_S = volume(sample=100, full=1700)


def submit(client: Client, tool: str, inputs: list[dict[str, Any]], **fields: Any) -> str:
    items = [{"input": one, "key": f"item {number}"} for number, one in enumerate(inputs)]
    answer = client.call("POST", "/v1/batches", {"plugin": "hostile", "tool": tool, "items": items, **fields})
    assert answer.status == 202, answer.body
    return str(answer.body["batch_id"])


def test_every_item_of_a_batch_runs_once_and_its_result_is_in_its_place(client: Client) -> None:
    batch_id = submit(
        client, "echo", [{"text": f"text {number}"} for number in range(ITEMS)], max_concurrency=CONCURRENCY
    )
    batch = until_batch(client, batch_id, within_s=WITHIN_S)
    assert (batch["status"], batch["counts"]["succeeded"], batch["error"]) == ("succeeded", ITEMS, None)
    assert [
        (line["index"], line["key"], line["status"], line["result"]["text"]) for line in results_of(client, batch_id)
    ] == [(number, f"item {number}", "succeeded", f"text {number}") for number in range(ITEMS)]
    jobs = jobs_of(client, batch_id)
    assert [job["key"] for job in jobs] == [f"item {number}" for number in reversed(range(ITEMS))]
    assert {(job["status"], job["attempt"], job["batch_id"]) for job in jobs} == {("succeeded", 1, batch_id)}


def test_cancelled_batch_has_stopped_all_of_its_processes(client: Client, tmp_path: Path) -> None:
    inputs = [{"pid_file": str(tmp_path / f"pid-{number}")} for number in range(ITEMS)]
    batch_id = submit(client, "yields", inputs, max_concurrency=2)
    pids = [pid for number in range(2) for pid in running_pids(tmp_path / f"pid-{number}")]
    until_batch(client, batch_id, lambda batch: batch["counts"]["running"] == 2)
    answer = client.call("POST", f"/v1/batches/{batch_id}/cancel", {"reason": "enough"})
    assert (answer.status, answer.body["status"]) == (202, "cancelling")
    batch = until_batch(client, batch_id, within_s=WITHIN_S)
    assert all(map(gone, pids))
    assert (batch["status"], batch["cancel"]["outcome"]) == ("cancelled", "stopped")
    assert batch["counts"] == {**NONE, "cancelled": ITEMS}
    assert Counter(job["cancel"]["outcome"] for job in jobs_of(client, batch_id)) == {
        "stopped": 2,
        "prevented": ITEMS - 2,
    }


def test_batch_with_more_failures_than_tolerated_cancels_the_rest(client: Client, tmp_path: Path) -> None:
    """Three items fail, and two are tolerated: an item that runs is stopped, the others never start."""
    running = [{"pid_file": str(tmp_path / f"pid-{number}")} for number in range(ITEMS)]
    inputs: list[dict[str, Any]] = [*running, *([{"pid_file": 7}] * 3)]
    batch_id = submit(client, "yields", inputs, tolerated_failures=2, max_concurrency=1)
    batch = until_batch(client, batch_id, within_s=WITHIN_S)
    assert (batch["status"], batch["error"]["code"]) == ("failed", "too_many_failures")
    assert batch["counts"] == {**NONE, "failed": 3, "cancelled": ITEMS}
    statuses = [line["status"] for line in results_of(client, batch_id)]
    assert statuses == ["cancelled"] * ITEMS + ["failed"] * 3


def test_client_maps_a_tool_over_inputs_in_order(client: Client) -> None:
    with Interlock(client.url, client.api_key) as interlock:
        found = interlock.map("hostile.echo", ({"text": text} for text in "abc"), max_concurrency=2)
        assert [result["text"] for result in found] == ["a", "b", "c"]
        batch = interlock.submit_batch("hostile.echo", [{"text": "a"}, {"text": 7}], keys=["first", "second"])
        assert [(line["key"], line["status"]) for line in batch.results()] == [
            ("first", "succeeded"),
            ("second", "failed"),
        ]
        assert interlock.batch(batch.id).counts == {**NONE, "succeeded": 1, "failed": 1}
        with pytest.raises(ConflictError):
            batch.cancel()
        with pytest.raises(ValidationError):
            list(interlock.map("hostile.echo", [{"text": 7}]))
