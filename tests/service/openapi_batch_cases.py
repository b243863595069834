"""The cases of batches, by operation, status and circumstances."""

from collections.abc import Callable, Mapping

from tests.service.openapi_service import Answer, Service

BATCH = {"plugin": "specimen", "tool": "say", "items": [{"input": {"text": 7}, "key": "first"}]}
"""A batch whose only item does not fit the tool's schema, so that it finishes without a run."""


def _batch(service: Service, *, finished: bool = False) -> str:
    batch_id: str = service.call("submitBatch", BATCH).body["batch_id"]
    return service.finish_batch(batch_id) if finished else batch_id


def _failed(service: Service) -> Answer:
    """A batch that failed: one failed item is more than it tolerates."""
    batch_id: str = service.call("submitBatch", {**BATCH, "tolerated_failures": 0}).body["batch_id"]
    return service.call("getBatch", batch_id=service.finish_batch(batch_id))


def _keyed(service: Service, key: str, **changed: object) -> Answer:
    service.call("submitBatch", BATCH, headers={"Idempotency-Key": key})
    return service.call("submitBatch", BATCH | changed, headers={"Idempotency-Key": key})


def _pages(service: Service, **query: str) -> Answer:
    for _ in range(2):
        _batch(service)
    return service.call("listBatches", query={name: [value] for name, value in query.items()})


BATCHES: Mapping[tuple[str, int, str], Callable[[Service], Answer]] = {
    ("submitBatch", 202, "accepted"): lambda service: service.call("submitBatch", BATCH),
    ("submitBatch", 202, "replayed"): lambda service: _keyed(service, "batch"),
    ("submitBatch", 422, "another body"): lambda service: _keyed(service, "mismatch", max_concurrency=2),
    ("submitBatch", 400, "no items"): lambda service: service.call("submitBatch", {"plugin": "specimen", "items": []}),
    ("submitBatch", 400, "unknown plugin"): lambda service: service.call("submitBatch", {**BATCH, "plugin": "orc"}),
    ("listBatches", 200, "all"): lambda service: service.call("listBatches"),
    ("listBatches", 200, "first page"): lambda service: _pages(service, limit="1"),
    ("listBatches", 400, "bad limit"): lambda service: _pages(service, limit="0"),
    ("getBatch", 200, "preparing"): lambda service: service.call("getBatch", batch_id=_batch(service)),
    ("getBatch", 200, "succeeded"): lambda service: service.call("getBatch", batch_id=_batch(service, finished=True)),
    ("getBatch", 200, "failed"): _failed,
    ("getBatch", 400, "unknown parameter"): lambda service: service.call(
        "getBatch", batch_id=_batch(service), query={"page": ["2"]}
    ),
    ("getBatch", 404, "unknown"): lambda service: service.call("getBatch"),
    ("getBatchResults", 200, "finished"): lambda service: service.call(
        "getBatchResults", batch_id=_batch(service, finished=True)
    ),
    ("getBatchResults", 400, "unknown parameter"): lambda service: service.call(
        "getBatchResults", batch_id=_batch(service), query={"page": ["2"]}
    ),
    ("getBatchResults", 404, "unknown"): lambda service: service.call("getBatchResults"),
    ("getBatchResults", 409, "not finished"): lambda service: service.call("getBatchResults", batch_id=_batch(service)),
    ("cancelBatch", 202, "preparing"): lambda service: service.call(
        "cancelBatch", {"reason": "enough"}, batch_id=_batch(service)
    ),
    ("cancelBatch", 200, "cancelled"): lambda service: service.cancelled_batch(
        {**BATCH, "items": [{"input": {"text": "a"}}]}
    ),
    ("cancelBatch", 400, "bad body"): lambda service: service.call(
        "cancelBatch", {"why": "x"}, batch_id=_batch(service)
    ),
    ("cancelBatch", 404, "unknown"): lambda service: service.call("cancelBatch"),
    ("cancelBatch", 409, "finished"): lambda service: service.call(
        "cancelBatch", batch_id=_batch(service, finished=True)
    ),
}
