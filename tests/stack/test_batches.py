"""Batches over HTTP: prepared, run by the workflow's Map, counted from the stream, cancelled, and collected."""

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from interlock_client import AsyncInterlock, ConflictError, Interlock, ValidationError
from interlock_dev.stack.client import Client
from tests.stack.batch_helpers import jobs_of, results_of, until_batch
from tests.stack.test_cancel import gone, running_pids
from tests.volume import ALONE, volume

pytestmark = [pytest.mark.timeout(volume(sample=120, full=1800)), *ALONE]

ITEMS = volume(sample=24, full=2000)
CONCURRENCY = volume(sample=4, full=16)
QUICK = volume(sample=4, full=1000)
"""Items that end before a batch is stopped midway."""

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


def inputs_of(folder: Path, quick: int, *, failing: int = 0) -> list[dict[str, Any]]:
    """Return inputs of `yields`: those that end at once, then those that fail at once, then those that run on."""
    kinds = [{"steps": 0}] * quick + [{"steps": 0, "fails": True}] * failing + [{}] * (ITEMS - quick - failing)
    return [{"pid_file": str(folder / str(number)), **kind} for number, kind in enumerate(kinds)]


def pids_in(folder: Path, *numbers: int) -> list[int]:
    return [pid for number in numbers for pid in running_pids(folder / str(number), within_s=WITHIN_S)]


def test_batch_that_is_cancelled_midway_has_stopped_all_of_its_processes(client: Client, tmp_path: Path) -> None:
    batch_id = submit(client, "yields", inputs_of(tmp_path, QUICK), max_concurrency=CONCURRENCY)
    pids = pids_in(tmp_path, *range(QUICK, QUICK + CONCURRENCY))
    until_batch(client, batch_id, lambda batch: batch["counts"]["running"] == CONCURRENCY)
    answer = client.call("POST", f"/v1/batches/{batch_id}/cancel", {"reason": "enough"})
    assert (answer.status, answer.body["status"]) == (202, "cancelling")
    batch = until_batch(client, batch_id, within_s=WITHIN_S)
    assert all(map(gone, pids))
    assert (batch["status"], batch["cancel"]["outcome"]) == ("cancelled", "stopped")
    assert [line["error"] for line in results_of(client, batch_id) if line["status"] == "failed"] == []
    assert batch["counts"] == {**NONE, "succeeded": QUICK, "cancelled": ITEMS - QUICK}
    outcomes = Counter(job["cancel"]["outcome"] for job in jobs_of(client, batch_id) if job["cancel"])
    assert outcomes == {"stopped": CONCURRENCY, "prevented": ITEMS - QUICK - CONCURRENCY}
    assert len(list(tmp_path.iterdir())) == QUICK + CONCURRENCY


def test_batch_with_more_failures_than_tolerated_cancels_the_rest(client: Client, tmp_path: Path) -> None:
    """Five items fail, three more than are tolerated: items that run are stopped, the others never start."""
    inputs = inputs_of(tmp_path, QUICK, failing=5)
    batch_id = submit(client, "yields", inputs, tolerated_failures=2, max_concurrency=CONCURRENCY)
    batch = until_batch(client, batch_id, within_s=WITHIN_S)
    assert (batch["status"], batch["error"]["code"]) == ("failed", "too_many_failures")
    assert all(map(gone, pids_in(tmp_path, *(int(file.name) for file in tmp_path.iterdir()))))
    lines = results_of(client, batch_id)
    assert Counter(line["status"] for line in lines) == {name: n for name, n in batch["counts"].items() if n}
    failed = [line["index"] for line in lines if line["status"] == "failed"]
    assert 3 <= len(failed) <= 5
    assert set(failed) <= set(range(QUICK, QUICK + 5))
    # Of the items that run at the same time as the failing ones, some may have ended before the batch was stopped.
    assert batch["counts"]["succeeded"] >= QUICK - CONCURRENCY
    assert batch["counts"]["cancelled"] >= ITEMS - QUICK - 5


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


def test_async_client_maps_a_tool_over_inputs_in_order(client: Client) -> None:
    async def mapped(*texts: str | int) -> list[str]:
        async with AsyncInterlock(client.url, client.api_key) as interlock:
            return [result["text"] async for result in interlock.map("hostile.echo", [{"text": t} for t in texts])]

    assert asyncio.run(mapped("a", "b", "c")) == ["a", "b", "c"]
    with pytest.raises(ValidationError):
        asyncio.run(mapped(7))
