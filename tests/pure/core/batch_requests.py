"""Functions that send requests for batches and check the responses."""

import json
from typing import Any

from tests.fakes.world import Answer, World


def items_of(*texts: Any) -> list[dict[str, Any]]:
    return [{"input": {"text": text}, "key": f"key-{number}"} for number, text in enumerate(texts)]


def post_batch(world: World, headers: dict[str, str] | None = None, **fields: Any) -> Answer:
    body = {"plugin": "echo", **({} if "upload_id" in fields else {"items": items_of("a", "b")}), **fields}
    return world.request("POST", "/v1/batches", body, headers=headers)


def submit_batch(world: World, **fields: Any) -> str:
    answer = post_batch(world, **fields)
    assert answer.status == 202, answer.body
    return str(answer.body["batch_id"])


def read_batch(world: World, batch_id: str) -> Any:
    answer = world.request("GET", f"/v1/batches/{batch_id}")
    assert answer.status == 200
    assert answer.body["total"] is None or sum(answer.body["counts"].values()) == answer.body["total"]
    return answer.body


def results_of(world: World, batch_id: str) -> list[dict[str, Any]]:
    answer = world.request("GET", f"/v1/batches/{batch_id}/results")
    assert answer.status == 200, answer.body
    text = world.objects.texts[f"batches/acme/{batch_id}/results.jsonl"]
    assert answer.body["size"] == len(text)
    return [json.loads(line) for line in text.splitlines()]
