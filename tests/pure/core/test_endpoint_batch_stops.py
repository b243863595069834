"""Batches that are cancelled or have too many failures."""

import pytest

from interlock.domain.job_id import job_id_of_item
from interlock.domain.job_status import JobStatus
from interlock.jobs.batches import TIME_TO_END
from tests.fakes.world import SETTINGS, World
from tests.pure.core.batch_requests import items_of, read_batch, results_of, submit_batch

pytestmark = pytest.mark.endpoint


def test_cancelled_batch_starts_no_further_item(world: World) -> None:
    batch_id = submit_batch(world, items=items_of("a", "b", "c"))
    world.prepare_batch(batch_id)
    world.run_submitted(job_id_of_item(batch_id, 0))
    answer = world.request("POST", f"/v1/batches/{batch_id}/cancel", {"reason": "enough"})
    assert (answer.status, answer.body["status"]) == (202, "cancelling")
    assert world.batch_workflow.running == {(batch_id, 2)}
    stopped = world.run_submitted(job_id_of_item(batch_id, 1))
    assert stopped is not None
    assert stopped.status is JobStatus.CANCELLED
    assert world.prepare_batch(batch_id)["run"] is False
    assert not world.finish_batch(batch_id)
    assert world.finish_batch(batch_id)
    shown = read_batch(world, batch_id)
    assert (shown["status"], shown["cancel"]["outcome"], shown["cancel"]["reason"]) == (
        "cancelled",
        "stopped",
        "enough",
    )
    assert (shown["counts"]["succeeded"], shown["counts"]["cancelled"]) == (1, 2)
    again = world.request("POST", f"/v1/batches/{batch_id}/cancel")
    assert (again.status, again.body["status"]) == (200, "cancelled")


def test_batch_that_is_cancelled_before_it_is_prepared_has_all_jobs(world: World) -> None:
    batch_id = submit_batch(world, items=items_of("a", 7))
    assert world.request("POST", f"/v1/batches/{batch_id}/cancel").status == 202
    assert world.prepare_batch(batch_id)["run"] is False
    assert world.finish_batch(batch_id)
    assert [line["status"] for line in results_of(world, batch_id)] == ["cancelled", "failed"]
    assert read_batch(world, batch_id)["status"] == "cancelled"


def test_cancel_that_stops_nothing_is_too_late(world: World) -> None:
    batch_id = submit_batch(world)
    world.prepare_batch(batch_id)
    world.run_items(batch_id)
    assert world.request("POST", f"/v1/batches/{batch_id}/cancel").status == 202
    assert world.finish_batch(batch_id)
    shown = read_batch(world, batch_id)
    assert (shown["status"], shown["cancel"]["outcome"]) == ("succeeded", "too_late")
    late = world.request("POST", f"/v1/batches/{batch_id}/cancel")
    assert (late.status, late.error["code"], late.error["details"]) == (
        409,
        "already_finished",
        {"status": "succeeded"},
    )


def test_batch_that_is_about_to_expire_is_stopped(world: World) -> None:
    """Otherwise the TTL of the table would remove the batch and its jobs while it runs."""
    batch_id = submit_batch(world, items=items_of("a", "b"))
    world.prepare_batch(batch_id)
    world.run_submitted(job_id_of_item(batch_id, 0))
    world.clock.advance((SETTINGS.retention - TIME_TO_END).total_seconds())
    world.core.batch_service.restart_lapsed()
    assert read_batch(world, batch_id)["status"] == "running"
    world.clock.advance(61)
    world.core.batch_service.restart_lapsed()
    assert world.batch_workflow.running == {(batch_id, 2)}
    assert not world.finish_batch(batch_id)
    assert world.finish_batch(batch_id)
    shown = read_batch(world, batch_id)
    assert (shown["status"], shown["error"]["code"], shown["error"]["details"]) == (
        "failed",
        "timeout",
        {"limit": "retention"},
    )
    assert (shown["counts"]["succeeded"], shown["counts"]["cancelled"]) == (1, 1)


def test_more_failures_than_tolerated_fail_the_batch(world: World) -> None:
    batch_id = submit_batch(world, items=items_of("a", 7, 8, "d"), tolerated_failures=1)
    world.prepare_batch(batch_id)
    assert world.batches.counts("acme", batch_id).over_tolerance
    world.core.batch_service.stop_over_tolerance("acme", batch_id)
    world.core.batch_service.stop_over_tolerance("acme", batch_id)
    assert read_batch(world, batch_id)["status"] == "cancelling"
    assert not world.finish_batch(batch_id)
    assert world.finish_batch(batch_id)
    shown = read_batch(world, batch_id)
    assert (shown["status"], shown["error"]["code"]) == ("failed", "too_many_failures")
    assert (shown["counts"]["failed"], shown["counts"]["cancelled"]) == (2, 2)


def test_share_of_tolerated_failures_is_rounded_down(world: World) -> None:
    batch_id = submit_batch(world, items=items_of(*"abc", 7), tolerated_failures="25%")
    world.prepare_batch(batch_id)
    assert not world.batches.counts("acme", batch_id).over_tolerance
    assert world.batches.counts("acme", batch_id).tolerated == 1


def test_items_without_a_job_fail_with_the_error_of_the_batch(world: World) -> None:
    """The number of items is known from the body, but the stored items are gone when the batch is prepared."""
    batch_id = submit_batch(world)
    world.objects.texts.clear()
    assert world.prepare_batch(batch_id)["run"] is False
    assert world.finish_batch(batch_id)
    assert read_batch(world, batch_id)["counts"]["failed"] == 2
    assert [line["error"]["code"] for line in results_of(world, batch_id)] == ["invalid_request", "invalid_request"]


def test_items_after_the_deadline_time_out(world: World) -> None:
    batch_id = submit_batch(world, deadline_s=60)
    world.prepare_batch(batch_id)
    world.clock.advance(61)
    world.run_items(batch_id)
    assert world.finish_batch(batch_id)
    assert [line["error"]["details"]["limit"] for line in results_of(world, batch_id)] == ["deadline", "deadline"]
