"""Start the execute function, take a "snapshot" and restore it twice, in a new interpreter.

A snapshot is a fork here: both environments begin with the memory of the one process. Two things differ from SnapStart.
Python seeds `random` after a fork, so the state of the snapshot is put back. And a fork copies this process only, while
a snapshot copies the zygote as well, so each environment gets a zygote of its own.
"""

import json
import os
import random
import sys
from collections.abc import Callable
from typing import Any

from awslambdaric import lambda_runtime_hooks_runner as runtime

ENVIRONMENTS = 2


class Context:
    """The fields of Lambda's context object that the handler uses."""

    def get_remaining_time_in_millis(self) -> int:
        return 29_000


def restore(function: Any, randomness: Any, call: Callable[[], Any]) -> dict[str, Any]:
    """Run the restore hooks and one call in this environment. Return its next random number and the response."""
    from interlock.composition.sandbox import start_sandbox

    random.setstate(randomness)
    function.sandbox = start_sandbox()
    try:
        runtime.run_after_restore()
        return {"random": random.random(), **call()}
    finally:
        function.sandbox.close()


def main() -> None:
    event = json.load(sys.stdin)
    import handler as function  # type: ignore[import-not-found]

    def call() -> dict[str, Any]:
        answer = function.handler(event, Context())
        return {"status": answer["statusCode"], "body": json.loads(answer["body"])}

    report = [call()]
    runtime.run_before_snapshot()
    randomness = random.getstate()
    for _ in range(ENVIRONMENTS):
        reader, writer = os.pipe()
        if os.fork() == 0:
            with os.fdopen(writer, "w") as pipe:
                json.dump(restore(function, randomness, call), pipe)
            os._exit(0)
        os.close(writer)
        with os.fdopen(reader) as pipe:
            report.append(json.load(pipe))
        os.wait()
    function.sandbox.close()
    print(json.dumps(report))


if __name__ == "__main__":
    main()
