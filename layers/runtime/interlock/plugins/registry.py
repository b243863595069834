"""The registry that `/v1/plugins` shows: the index, with the lifecycle state and counters of each plugin."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from interlock.domain.errors import InvalidInput, PluginUnavailable, UnknownPlugin
from interlock.domain.file_references import FileReference
from interlock.domain.lifecycle import AVAILABLE, LifecycleState, advance, verdict
from interlock.domain.manifest import PluginManifest, PluginSource, ToolManifest
from interlock.domain.metrics import ExecutionMetrics
from interlock.domain.outcome import Outcome
from interlock.domain.problems import Problem, first_of
from interlock.plugins.audit import Finding
from interlock.plugins.index import PluginIndex
from interlock.plugins.validation import SchemaValidator
from interlock.ports import JobStore, MetricsSink


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A tool of an available plugin, with input that fits its schema. `uploads` are the fields that name uploads."""

    plugin: PluginManifest
    tool: ToolManifest
    input: Mapping[str, Any]
    uploads: tuple[FileReference, ...] = ()


@dataclass(frozen=True, slots=True)
class PluginHealth:
    """A plugin at this moment: its lifecycle state and counters, in total and by tool. `reason` explains why it is
    unavailable, or how the layer has changed since its index was built."""

    manifest: PluginManifest
    state: LifecycleState
    metrics: ExecutionMetrics
    tools: Mapping[str, ExecutionMetrics]
    reason: str | None = None

    @property
    def available(self) -> bool:
        return self.state in AVAILABLE


class PluginRegistry:
    """Answers from the index and the fleet's counters. No plugin is imported here.

    It also tracks the lifecycle of the plugins in this execution environment, so that an illegal transition in the
    ToolRunner is noticed at once.
    """

    def __init__(self, index: PluginIndex, store: JobStore, sink: MetricsSink) -> None:
        self._index = index
        self._store = store
        self._sink = sink
        self._validator = SchemaValidator()
        self._states: dict[str, LifecycleState] = {}

    def find(self, plugin: str, tool: str | None) -> tuple[PluginManifest, ToolManifest]:
        """Find a tool; None selects the first of the manifest.

        Raises `UnknownPlugin`, `PluginUnavailable` and `UnknownTool`.
        """
        manifest = self.manifest(plugin)
        if not manifest.available:
            reason = manifest.reason
            raise PluginUnavailable(f"Plugin {plugin!r} could not be loaded: {reason}.", reason=reason)
        return manifest, manifest.tool(tool)

    def checked(self, manifest: PluginManifest, tool: ToolManifest, input: Mapping[str, Any]) -> ToolCall:
        """Return the call of a tool on an input that fits its schema. Raises `InvalidInput`."""
        where = f"{manifest.name}.{tool.name}"
        problems = self._validator.problems(f"{where}.input", tool.input_schema, input)
        if problems:
            raise InvalidInput(f"The input does not fit the schema of {where}: {first_of(problems)}.", errors=problems)
        return ToolCall(manifest, tool, input, self._validator.uploads(f"{where}.input", tool.input_schema, input))

    def output_problems(self, call: ToolCall, result: Any) -> list[Problem]:
        """Validate a result with the tool's output schema, and return its problems."""
        return self._validator.problems(f"{call.plugin.name}.{call.tool.name}.output", call.tool.output_schema, result)

    # --- Lifecycle in this environment ---

    def run_started(self, plugin: str) -> LifecycleState:
        """Move the plugin to RUNNING. Return its previous state."""
        previous = self._states.get(plugin, LifecycleState.LOADED)
        self._states[plugin] = advance(previous, LifecycleState.RUNNING)
        return previous

    def record(self, call: ToolCall, previous: LifecycleState, outcome: Outcome) -> None:
        """Move the plugin to the state that the outcome implies, or back to the previous one if the plugin was not at
        fault, and publish the execution's metrics."""
        name = call.plugin.name
        self._states[name] = advance(LifecycleState.RUNNING, verdict(outcome.error_code) or previous)
        self._sink.execution(name, call.tool.name, outcome.status, outcome.execution_time_ms)

    # --- What the API shows ---

    @property
    def names(self) -> tuple[str, ...]:
        """Return all plugins in alphabetical order: those of the index, including broken ones, and installed ones that
        it lacks."""
        return tuple(sorted({*self._index.names, *self._findings}))

    def manifest(self, name: str) -> PluginManifest:
        """Return a plugin's manifest, whose `reason` explains a broken plugin. Raises `UnknownPlugin`."""
        try:
            return self._index.manifest(name)
        except UnknownPlugin:
            if name not in self._findings:
                raise
            return PluginManifest.broken(name, PluginSource("", ""), self._findings[name].reason)

    def healths(self) -> list[PluginHealth]:
        """Return all plugins with their lifecycle states, in alphabetical order. They lack counters: one read of the
        table has to do for any number of plugins."""
        by_plugin: dict[str, dict[str, ExecutionMetrics]] = {}
        for (plugin, tool), metrics in self._store.states().items():
            by_plugin.setdefault(plugin, {})[tool] = metrics
        return [self._health(name, by_plugin.get(name, {})) for name in self.names]

    def health(self, name: str) -> PluginHealth:
        """Return a plugin's counters. Raises `UnknownPlugin`."""
        self.manifest(name)
        return self._health(name, self._store.metrics(name))

    def _health(self, name: str, by_tool: Mapping[str, ExecutionMetrics]) -> PluginHealth:
        manifest, finding = self.manifest(name), self._findings.get(name)
        tools = {tool.name: by_tool.get(tool.name, ExecutionMetrics()) for tool in manifest.tools}
        # Tools of earlier versions count as well, because the plugin's counters equal its jobs.
        total = ExecutionMetrics.sum(by_tool.values())
        available = manifest.available and not (finding and finding.unavailable)
        state = _state(available, total)
        reason = manifest.reason or (finding.reason if finding else None)
        if available and state is LifecycleState.UNAVAILABLE:
            reason = total.reason
        return PluginHealth(manifest, state, total, {**tools, **by_tool}, reason)

    @cached_property
    def _findings(self) -> Mapping[str, Finding]:
        """The audit. It runs on the first request about plugins, not at a start and not to execute a tool."""
        return self._index.audit()


def _state(available: bool, metrics: ExecutionMetrics) -> LifecycleState:
    if not available:
        return LifecycleState.UNAVAILABLE
    if metrics.in_flight > 0:
        return LifecycleState.RUNNING
    return metrics.lifecycle or LifecycleState.LOADED
