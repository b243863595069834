"""A ToolRunner on a sandbox in memory."""

import math
from collections.abc import Callable
from typing import Any

from interlock.domain.deadline import Deadline
from interlock.domain.errors import ErrorCode
from interlock.domain.lifecycle import LifecycleState
from interlock.domain.outcome import Outcome
from interlock.plugins.registry import PluginRegistry, ToolCall
from interlock.sandbox import CancelToken, Ending, LogLine
from interlock.tools.tool_runner import Observer, ToolRunner
from tests.fakes.sandbox import Run, ScriptedSandbox
from tests.fakes.world import World


class Harness:
    """A ToolRunner with a scripted sandbox."""

    def __init__(self, world: World, cancel: CancelToken) -> None:
        self.registry: PluginRegistry = world.core.registry
        self.sandbox: ScriptedSandbox = world.sandbox
        self.sink = world.sink
        self.runner = ToolRunner(self.registry, self.sandbox.as_sandbox())
        self.progress: list[tuple[float, str]] = []
        self.lines: list[LogLine] = []
        self.cancel = cancel

    def call(self, tool: str = "say", input: Any = None) -> ToolCall:
        manifest, found = self.registry.find("echo", tool)
        return self.registry.checked(manifest, found, {"text": "hello"} if input is None else input)

    def run(self, script: Callable[[Run], Ending] | None = None, *, timeout_s: float = 5.0) -> Outcome:
        if script is not None:
            self.sandbox.script = script
        observer = Observer(lambda fraction, message: self.progress.append((fraction, message)), self.lines.append)
        deadline = Deadline(math.inf, timeout_s)
        return self.runner.run(
            self.call(), tenant="acme", job_id="JOB", deadline=deadline, cancel=self.cancel, observer=observer
        )

    def ends_with(self, ending: Ending) -> Outcome:
        return self.run(lambda _: ending)

    def state(self) -> LifecycleState:
        """Return the lifecycle state of the plugin at the start of a run."""
        state = self.registry.start_run("echo")
        self.registry.record(self.call(), state, Outcome.failed(ErrorCode.INVALID_INPUT, "state check"))
        self.sink.executions.pop()
        return state


def error_of(outcome: Outcome) -> tuple[str, dict[str, Any]]:
    assert outcome.error is not None
    assert outcome.result is None
    return outcome.error.code.value, dict(outcome.error.details)


def message_of(outcome: Outcome) -> str:
    assert outcome.error is not None
    return outcome.error.message
