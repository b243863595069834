"""Follow a batch over HTTP."""

import json
import time
from collections.abc import Callable
from typing import Any

import requests

from interlock_dev.stack.client import Client
from tests.volume import FULL, volume

PAUSE_S = volume(sample=0.2, full=2)
"""Seconds between two reads of a batch. A batch of thousands already keeps the machine busy."""

FINAL = {"succeeded", "failed", "cancelled"}


def until_batch(
    client: Client,
    batch_id: str,
    is_awaited: Callable[[dict[str, Any]], bool] = lambda batch: batch["status"] in FINAL,
    within_s: float = 120,
) -> dict[str, Any]:
    """Poll the batch until `is_awaited` is true of it, and assert at each read that its counts add up."""
    until = time.monotonic() + within_s
    while True:
        answer = client.call("GET", f"/v1/batches/{batch_id}")
        # While thousands of jobs are created, the emulated table may be too slow for the SDK's retries.
        if answer.status == 503 and FULL:
            time.sleep(PAUSE_S)
            continue
        batch: dict[str, Any] = answer.body
        assert answer.status == 200, batch
        if batch["total"] is not None:
            assert sum(batch["counts"].values()) == batch["total"], batch
            assert min(batch["counts"].values()) >= 0, batch
        if is_awaited(batch):
            return batch
        assert time.monotonic() < until, batch
        time.sleep(PAUSE_S)


def results_of(client: Client, batch_id: str) -> list[dict[str, Any]]:
    """Return the lines of a batch's results."""
    link = client.call("GET", f"/v1/batches/{batch_id}/results").body
    text = requests.get(link["download_url"], timeout=30).text
    assert len(text) == link["size"]
    return [json.loads(line) for line in text.splitlines()]


def jobs_of(client: Client, batch_id: str) -> list[dict[str, Any]]:
    """Return the jobs of a batch, read page by page."""
    jobs, cursor = list[dict[str, Any]](), ""
    while True:
        page = client.call("GET", f"/v1/jobs?batch={batch_id}&limit=100{cursor}").body
        jobs += page["jobs"]
        if page["next_cursor"] is None:
            return jobs
        cursor = f"&cursor={page['next_cursor']}"
