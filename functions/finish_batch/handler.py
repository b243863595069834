"""The last task of the workflow of batches: ends the batch `{"tenant", "batch_id"}` when its jobs have finished."""

from typing import Any

from interlock.composition.batch_workflow import finish_batch_task
from interlock.composition.core import Core

finish_batch = finish_batch_task(Core.from_env())


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ARG001
    return finish_batch(event)
