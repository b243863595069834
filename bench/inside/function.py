"""Load a handler as Lambda's runtime does, and call it with an event as often as standard input requests.

`python function.py EVENT DESCRIPTOR`. `_HANDLER` names the handler. Each line of standard input is a number of calls.
After each line, one line of JSON is written to the descriptor: times and processor times of the calls in nanoseconds,
and the last response.
"""

import importlib
import json
import os
import sys
import time
from pathlib import Path
from typing import Any


class Context:
    """The attributes of Lambda's context object that handlers use."""

    function_name = "bench"
    function_version = "$LATEST"
    memory_limit_in_mb = "512"
    invoked_function_arn = "arn:aws:lambda:us-east-1:123456789012:function:bench"
    aws_request_id = "c6af9ac6-7b61-11e6-9a41-93e8deadbeef"

    def get_remaining_time_in_millis(self) -> int:
        return 29_000


def main(event: str, descriptor: str) -> None:
    """Serve the lines of standard input."""
    under_valgrind = "BENCH_VALGRIND" in os.environ
    if under_valgrind:
        # Valgrind 3.19 does not know the system call. The sandbox works without it.
        del os.pidfd_open
    module, _, name = os.environ["_HANDLER"].rpartition(".")
    handler = getattr(importlib.import_module(module), name)
    if under_valgrind and (sandbox := sys.modules.get("interlock.sandbox.supervisor.sandbox")):
        # Valgrind changes limits of its processes, which the supervisor would take for damage by a tool.
        sandbox.condition = lambda _pid: None  # type: ignore[attr-defined]
    for line in sys.stdin:
        # Read the event for each line, because the caller may have changed the file.
        text = Path(event).read_text()
        times, processor = [], []
        answer: Any = None
        for _ in range(int(line)):
            began, used = time.perf_counter_ns(), time.process_time_ns()
            answer = json.dumps(handler(json.loads(text), Context()))
            times.append(time.perf_counter_ns() - began)
            processor.append(time.process_time_ns() - used)
        found = {"ns": times, "processor_ns": processor, "answer": json.loads(answer)}
        os.write(int(descriptor), json.dumps(found).encode() + b"\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
