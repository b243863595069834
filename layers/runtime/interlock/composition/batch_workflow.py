"""The first and the last task of the workflow of batches. Their events are `{"tenant", "batch_id"}`."""

from collections.abc import Callable, Mapping
from typing import Any

from interlock import log_fields
from interlock.adapters.cloudwatch_emf import publish_failed_batch
from interlock.composition.batch_limits import batch_limits
from interlock.composition.core import Core
from interlock.http.envelope import error_object
from interlock.jobs.finishing import FinishBatch
from interlock.jobs.preparing import PrepareBatch

type Task = Callable[[Mapping[str, str]], dict[str, Any]]


def prepare_batch_task(core: Core) -> Task:
    """Compose the task that creates the jobs of a batch. It returns what the workflow needs to run them."""
    prepare = PrepareBatch(
        store=core.batch_store,
        jobs=core.store,
        items=core.batch_items,
        registry=core.registry,
        documents=core.documents,
        uploads=core.uploads,
        objects=core.objects,
        clock=core.clock,
        most_items=batch_limits().items,
        on_failure=publish_failed_batch,
    )
    log_fields.install()

    def prepare_batch(event: Mapping[str, str]) -> dict[str, Any]:
        log_fields.begin(tenant=event["tenant"], batch_id=event["batch_id"])
        plan = prepare(event["tenant"], event["batch_id"])
        if plan is None:
            return {"run": False}
        return {
            "run": plan.run,
            "bucket": core.settings.bucket,
            "jobs_key": plan.jobs_key,
            "max_concurrency": plan.max_concurrency,
        }

    return prepare_batch


def finish_batch_task(core: Core) -> Task:
    """Compose the task that ends a batch when all of its jobs have finished. Until then it has to be repeated."""
    finish = FinishBatch(
        core.batch_store,
        core.store,
        core.service,
        core.documents,
        core.objects,
        clock=core.clock,
        present_error=error_object,
        on_failure=publish_failed_batch,
    )
    log_fields.install()

    def finish_batch(event: Mapping[str, str]) -> dict[str, Any]:
        log_fields.begin(tenant=event["tenant"], batch_id=event["batch_id"])
        return {"finished": finish(event["tenant"], event["batch_id"])}

    return finish_batch
