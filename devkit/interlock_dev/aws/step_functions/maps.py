"""moto's distributed Map, for any number of items.

A worker of moto's Map calls itself for its next item. After some hundred items it reaches Python's recursion limit and
ends, and the Map waits for its items for ever. Here a worker is a loop. Once the execution has been stopped, the worker
skips the remaining items, while moto would run the interpreter for each of them.
"""

from typing import Any

from moto.stepfunctions.parser.asl.component.state.exec.state_map.iteration.itemprocessor import (
    distributed_item_processor_worker as workers,
)


def run_workers_as_loops() -> None:
    """Make the workers of distributed Maps process items in a loop instead of by recursion."""
    workers.DistributedItemProcessorWorker.eval = _work


def _work(self: Any) -> None:
    while (job := self._job_pool.next_job()) is not None:
        if self._env.is_running():
            frame = self._env.open_inner_frame()
            self._eval_job(env=frame, job=job)
            self._env.delete_frame(frame)
        self._job_pool.close_job(job)
