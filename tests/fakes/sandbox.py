"""A sandbox without processes: a script decides how each run ends."""

import json
import select
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from interlock.sandbox import Alarm, Cancelled, CancelToken, Code, Completed, Ending, Limits, LogLine, Sandbox

PATIENCE_S = 20
"""Seconds that a test waits for an expected event before it fails."""


@dataclass(frozen=True, slots=True)
class Run:
    """The arguments of a run, and the content of its directory."""

    code: Code
    tenant: str
    request: dict[str, Any]
    limits: Limits
    once: bool
    cancel: CancelToken
    alarm: Alarm
    on_progress: Callable[[float, str], None]
    on_log: Callable[[LogLine], None]
    on_unforkable: Callable[[str], None]
    files: Mapping[str, bytes]

    def until_cancelled(self) -> str:
        """Wait for the cancel and return its reason."""
        ready, _, _ = select.select([self.cancel.fileno()], [], [], PATIENCE_S)
        assert ready, "the run was not cancelled"
        assert self.cancel.reason is not None
        return self.cancel.reason


type Script = Callable[[Run], Ending]


class ScriptedSandbox:
    """A fake of `interlock.sandbox.Sandbox` that records its runs. At the start of a run it calls `before_alarm`, then
    rings the alarm of the run if it is due."""

    unfit = False

    def __init__(self, script: Script) -> None:
        self.script = script
        self.runs: list[Run] = []
        self.before_alarm: Callable[[], object] = lambda: None

    def run(
        self,
        code: Code,
        tenant: str,
        request: bytes,
        limits: Limits,
        *,
        once: bool,
        cancel: CancelToken,
        alarm: Alarm | None,
        on_progress: Callable[[float, str], None],
        on_log: Callable[[LogLine], None],
        on_unforkable: Callable[[str], None],
        fill: Callable[[str], None],
    ) -> Ending:
        files: dict[str, bytes] = {}
        with tempfile.TemporaryDirectory() as folder:
            fill(folder)
            files = {file.name: file.read_bytes() for file in Path(folder).iterdir()}
        asked, ring = json.loads(request), alarm or Alarm.never()
        run = Run(code, tenant, asked, limits, once, cancel, ring, on_progress, on_log, on_unforkable, files)
        self.runs.append(run)
        self.before_alarm()
        run.alarm.ring_if_due()
        return self.script(run)

    def as_sandbox(self) -> Sandbox:
        return cast("Sandbox", self)


def answered(verdict: str, detail: Any) -> Completed:
    """Return the ending of a run whose worker process returned this verdict."""
    return Completed(pid=1, payload=json.dumps({"verdict": verdict, "detail": detail}).encode())


def succeeds_with(result: Any) -> Script:
    return lambda _: answered("succeeded", result)


def echoes(run: Run) -> Ending:
    """Return the input as the result."""
    return answered("succeeded", run.request["input"])


def yields_to_cancel(run: Run) -> Ending:
    """Run until cancelled, then stop."""
    run.until_cancelled()
    return Cancelled(pid=1, how="stopped")
