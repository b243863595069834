"""The first task of the workflow of batches: creates the jobs of the batch `{"tenant", "batch_id"}`."""

from typing import Any

from interlock.composition.batch_workflow import prepare_batch_task
from interlock.composition.core import Core

prepare_batch = prepare_batch_task(Core.from_env())


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ARG001
    return prepare_batch(event)
