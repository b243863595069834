"""`interlock dev` with calls between the services under a test's control: `watched_stack.py FOLDER dev ...`.

Calls are written to `FOLDER/seen`, one per line: table calls that concern a job, and the result of each invocation of
the workflow's task. While the file `FOLDER/hold` exists, such an invocation waits, as for an environment. While
`FOLDER/refuse` exists, it is throttled, as by a function's reserved concurrency.
"""

import io
import json
import re
import sys
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from interlock_dev.commands import cli
from interlock_dev.lambda_.environments import Invocation
from interlock_dev.lambda_.functions import Functions
from interlock_dev.lambda_.pool import Throttled

TASK = "RunJobFunction"
_JOB = re.compile(rb"JOB#[^#\"]+#([0-9A-Z]{16})")
_PAUSE_S = 0.005


class Hand:
    """Records calls, and holds or rejects some."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._seen = (folder / "seen").open("a", buffering=1)
        self._lock = threading.Lock()

    def note(self, job_id: str, what: str) -> None:
        with self._lock:
            self._seen.write(json.dumps({"at": time.monotonic(), "job_id": job_id, "what": what}) + "\n")

    def table_called(self, target: str, body: bytes) -> None:
        for job_id in sorted({match.decode() for match in _JOB.findall(body)}):
            self.note(job_id, target.rpartition(".")[2])

    def task_invoked(self, payload: bytes, run: Callable[[], Invocation]) -> Invocation:
        job_id = json.loads(payload)["job_id"]
        if (self._folder / "refuse").exists():
            self.note(job_id, "refused")
            raise Throttled
        if (self._folder / "hold").exists():
            self.note(job_id, "held")
            while (self._folder / "hold").exists():
                time.sleep(_PAUSE_S)
        invocation = run()
        self.note(job_id, "returned")
        return invocation


def watch_functions(hand: Hand) -> None:
    invoke = Functions.invoke

    def watched(self: Functions, name: str, payload: bytes, *, wait_s: float | None = None) -> Invocation:
        def run() -> Invocation:
            return invoke(self, name, payload, wait_s=wait_s)

        return hand.task_invoked(payload, run) if self.resolve(name) == TASK else run()

    Functions.invoke = watched  # type: ignore[method-assign]


def watch_table(hand: Hand) -> None:
    from interlock_dev.aws import server

    app: Any = server.OneAtATime
    answer = app.__call__

    def watched(self: Any, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        target = environ.get("HTTP_X_AMZ_TARGET", "")
        if target.startswith("DynamoDB"):
            body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            hand.table_called(target, body)
            environ["wsgi.input"] = io.BytesIO(body)
        parts: Iterable[bytes] = answer(self, environ, start_response)
        return parts

    app.__call__ = watched


if __name__ == "__main__":
    _hand = Hand(Path(sys.argv[1]))
    watch_functions(_hand)
    watch_table(_hand)
    sys.exit(cli.main(sys.argv[2:]))
