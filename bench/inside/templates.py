"""Time worker processes that are forked from templates, and measure the memory of both.

`python templates.py ROUNDS IMAGE` prints, for each round, milliseconds and MiB.
"""

import base64
import json
import math
import os
import statistics
import sys
import time
from copy import replace
from pathlib import Path
from typing import Any

from interlock.composition.core import Core
from interlock.composition.sandbox import LOADER, PRELOAD, TARGET
from interlock.domain.deadline import Deadline
from interlock.domain.job_status import JobStatus
from interlock.plugins.registry import ToolCall
from interlock.sandbox import Alarm, CancelToken, Channel, Code, Completed, Limits, Sandbox
from interlock.sandbox.wire.processes import children, proportional_bytes
from interlock.tools.messages import code_of, encode_request
from interlock.tools.tool_runner import Observer, ToolRunner

CALLS = 20
LIMITS = Limits(wall_s=20, load_s=20, memory_mb=1000, result_bytes=1 << 20)
DEADLINE = Deadline(math.inf, 20.0)
RESIDENT = 60 << 20
WARM = ("block_mapper", "image", "motion", "ocr")

_kept = bytearray()


def load(_request: bytes, _channel: Channel) -> None:
    """Take memory until this process has 60 MiB. Runs in the template."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    _kept.extend(os.urandom(RESIDENT - pages * os.sysconf("SC_PAGE_SIZE")))


def serve(request: bytes, _channel: Channel) -> bytes:
    """Return the request. Runs in the worker process."""
    return request


def fork_ms() -> float:
    """Return how much longer a run in a new worker process takes than one in a warm process."""
    sandbox = Sandbox("bench.inside.templates:serve", loader="bench.inside.templates:load", max_warm=2 * CALLS)

    def run_ms(tenant: str) -> float:
        began = time.perf_counter_ns()
        ending = sandbox.run(Code(), tenant, b"", LIMITS)
        if not isinstance(ending, Completed):
            raise TypeError(ending)
        return (time.perf_counter_ns() - began) / 1e6

    run_ms("first")
    new, warm = (statistics.median(run_ms(str(number)) for number in range(CALLS)) for _ in range(2))
    sandbox.close()
    return new - warm


class Ocr:
    """Calls of the shipped plugin."""

    def __init__(self, core: Core, image: bytes) -> None:
        self._runner = ToolRunner(core.registry, _sandbox())
        manifest, tool = core.registry.find("ocr", "analyze")
        self._call = core.registry.checked(manifest, tool, {"image": base64.b64encode(image).decode()})

    def run_ms(self, *, cancel_after_s: float = math.inf) -> float:
        cancel = CancelToken()
        alarm = Alarm(time.monotonic() + cancel_after_s, lambda: cancel.set("bench"))
        observer = Observer(on_progress=lambda _fraction, _message: None, on_log=lambda _line: None, alarm=alarm)
        began = time.perf_counter_ns()
        outcome = self._runner.run(
            self._call,
            tenant="bench",
            job_id="JOB",
            deadline=DEADLINE,
            cancel=cancel,
            observer=observer,
        )
        cancel.close()
        expected = JobStatus.SUCCEEDED if cancel_after_s == math.inf else JobStatus.CANCELLED
        if outcome.status is not expected:
            raise RuntimeError(str(outcome))
        return (time.perf_counter_ns() - began) / 1e6


def memory_mb(core: Core, *, templates: bool) -> float:
    """Return the proportional memory of the zygote and all processes below it, with a warm process of each plugin."""
    others = children(os.getpid())
    sandbox = _sandbox()
    for name in WARM:
        manifest, tool = core.registry.find(name, None)
        call = ToolCall(replace(manifest, fork_safe=templates), tool, {})
        sandbox.run(code_of(call, None), "bench", encode_request(call, "JOB"), LIMITS)
    [zygote] = children(os.getpid()) - others
    found = sum(map(proportional_bytes, children(zygote) | {zygote}))
    sandbox.close()
    return found / (1 << 20)


def _sandbox() -> Sandbox:
    return Sandbox(TARGET, loader=LOADER, preload=PRELOAD)


def main(rounds: str, image: str) -> None:
    """Print the measurements of each round."""
    terminal = os.dup(1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    core = Core.from_env()
    ocr = Ocr(core, Path(image).read_bytes())
    ocr.run_ms()
    found: dict[str, list[Any]] = {
        "fork_ms": [],
        "ocr_ms": [],
        "after_cancel_ms": [],
        "with_mb": [],
        "without_mb": [],
    }
    for _ in range(int(rounds)):
        found["fork_ms"].append(fork_ms())
        found["ocr_ms"].append(ocr.run_ms())
        ocr.run_ms(cancel_after_s=0.05)
        found["after_cancel_ms"].append(ocr.run_ms())
        found["with_mb"].append(memory_mb(core, templates=True))
        found["without_mb"].append(memory_mb(core, templates=False))
    os.write(terminal, json.dumps(found).encode())


if __name__ == "__main__":
    main(*sys.argv[1:])
