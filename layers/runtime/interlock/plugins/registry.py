"""The registry that `/v1/plugins` shows: the index, with the lifecycle state and counters of each plugin."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

from msgspec import Struct

from interlock.domain.errors import ErrorCode, InvalidInput, PluginUnavailable, UnknownPlugin
from interlock.domain.file_references import FileReference
from interlock.domain.fork_safety import fork_unsafe_reason
from interlock.domain.lifecycle import AVAILABLE, NOT_RUN, LifecycleState, RunState, advance, combined, verdict
from interlock.domain.manifest import PluginManifest, PluginSource, PluginSummary, ToolManifest
from interlock.domain.metrics import ExecutionMetrics
from interlock.domain.outcome import NO_CLIENT_INPUT, ClientInput, Outcome
from interlock.domain.problems import Problem, first_of
from interlock.plugins.audit import Finding
from interlock.plugins.index import PluginIndex
from interlock.plugins.validation import SchemaValidator
from interlock.ports import MetricsSink, RunHistory


class ToolCall(Struct, frozen=True):
    """A tool of an available plugin, with input that fits its schema. `uploads` are the fields that name uploads.
    `client_input` is what the tool may request from the client, and its responses."""

    plugin: PluginManifest
    tool: ToolManifest
    input: Mapping[str, Any]
    uploads: tuple[FileReference, ...] = ()
    client_input: ClientInput = NO_CLIENT_INPUT


class PluginHealth(Struct, frozen=True):
    """A plugin at this moment: its lifecycle state and counters, in total and by tool. `reason` explains why it is
    unavailable, or how the layer has changed since its index was built, `fork_unsafe_reason` why each process loads
    it."""

    manifest: PluginManifest
    state: LifecycleState
    metrics: ExecutionMetrics
    tools: Mapping[str, ExecutionMetrics]
    reason: str | None = None
    fork_unsafe_reason: str | None = None


class ListedPlugin(Struct, frozen=True):
    """A plugin in the list of plugins, with its lifecycle state and the reasons as `PluginHealth` has them."""

    summary: PluginSummary
    state: LifecycleState
    reason: str | None
    fork_unsafe_reason: str | None = None

    @property
    def available(self) -> bool:
        return self.state in AVAILABLE


class PluginRegistry:
    """Answers from the index and the fleet's counters. No plugin is imported here.

    It also tracks the lifecycle of the plugins in this execution environment, so that an illegal transition in the
    ToolRunner is noticed at once.
    """

    def __init__(self, index: PluginIndex, history: RunHistory, sink: MetricsSink) -> None:
        self._index = index
        self._history = history
        self._sink = sink
        self._validator = SchemaValidator()
        self._states: dict[str, LifecycleState] = {}
        self._listed: tuple[Mapping[str, RunState], Mapping[str, PluginSummary], Sequence[ListedPlugin]] | None = None

    def find(self, plugin: str, tool: str | None) -> tuple[PluginManifest, ToolManifest]:
        """Find a tool; None selects the first of the manifest.

        Raise `UnknownPlugin`, `PluginUnavailable` and `UnknownTool`.
        """
        manifest = self.manifest(plugin)
        if not manifest.available:
            reason = manifest.reason
            raise PluginUnavailable(f"Plugin {plugin!r} could not be loaded: {reason}.", reason=reason)
        return manifest, manifest.tool(tool)

    def checked(self, manifest: PluginManifest, tool: ToolManifest, input: Mapping[str, Any]) -> ToolCall:
        """Return the call of a tool on an input that fits its schema. Raise `InvalidInput`."""
        where = f"{manifest.name}.{tool.name}"
        problems = self._validator.problems(f"{where}.input", tool.input_schema, input)
        if problems:
            raise InvalidInput(f"The input does not fit the schema of {where}: {first_of(problems)}.", errors=problems)
        return ToolCall(manifest, tool, input, self._validator.uploads(f"{where}.input", tool.input_schema, input))

    def output_problems(self, call: ToolCall, result: Any) -> list[Problem]:
        """Validate a result with the tool's output schema, and return its problems."""
        return self._validator.problems(f"{call.plugin.name}.{call.tool.name}.output", call.tool.output_schema, result)

    # --- Lifecycle in this environment ---

    def start_run(self, plugin: str) -> LifecycleState:
        """Move the plugin to RUNNING. Return its previous state."""
        previous = self._states.get(plugin, LifecycleState.LOADED)
        self._states[plugin] = advance(previous, LifecycleState.RUNNING)
        return previous

    def record(self, call: ToolCall, previous: LifecycleState, outcome: Outcome) -> None:
        """Move the plugin to the state that the outcome implies, or back to the previous one if the plugin was not at
        fault. Publish the execution's metrics, unless the run only requested input: its job may continue."""
        name = call.plugin.name
        self._states[name] = advance(LifecycleState.RUNNING, verdict(outcome.error) or previous)
        if outcome.error is None or outcome.error.code is not ErrorCode.INPUT_REQUIRED:
            self._sink.execution(name, call.tool.name, outcome.status, outcome.execution_time_ms)

    def record_wait(self, waited_ms: float) -> None:
        """Publish how long an asynchronous job has waited for its run."""
        self._sink.wait(waited_ms)

    # --- Documents of the API ---

    @property
    def names(self) -> tuple[str, ...]:
        """Return all plugins in alphabetical order: those of the index, including broken ones, and installed ones that
        it lacks."""
        return tuple(self._summaries())

    def manifest(self, name: str) -> PluginManifest:
        """Return a plugin's manifest, whose `reason` explains a broken plugin. Raise `UnknownPlugin`."""
        try:
            return self._index.manifest(name)
        except UnknownPlugin:
            if name not in self._findings:
                raise
            return PluginManifest.broken(name, PluginSource("", ""), self._findings[name].reason)

    def loadable(self, after: str) -> Iterator[PluginManifest]:
        """Yield the manifests of the plugins whose name comes after another, in alphabetical order. Plugins that could
        not be loaded, when the index was built or for their last run, are left out."""
        states = self._history.states()
        for name, summary in self._index.summaries.items():
            found = states.get(name, NOT_RUN).state
            if name > after and summary.reason is None and found is not LifecycleState.UNAVAILABLE:
                yield self._index.manifest(name)

    def plugins(self) -> Sequence[ListedPlugin]:
        """Return all plugins with their lifecycle states, in alphabetical order. This reads one file and the small
        items of the states, however many plugins there are. While no state and no manifest changes, the result is the
        same sequence."""
        states, summaries = self._history.states(), self._index.summaries
        if self._listed is None or self._listed[0] is not states or self._listed[1] is not summaries:
            listed = [self._listed_plugin(one, states) for one in self._summaries().values()]
            self._listed = states, summaries, listed
        return self._listed[2]

    def _listed_plugin(self, summary: PluginSummary, states: Mapping[str, RunState]) -> ListedPlugin:
        run_state = states.get(summary.name, NOT_RUN)
        return ListedPlugin(summary, *self._state(summary, run_state), _fork_unsafe_reason(summary, run_state))

    def health(self, name: str) -> PluginHealth:
        """Return a plugin's counters. Raise `UnknownPlugin`."""
        manifest, by_tool = self.manifest(name), self._history.metrics(name)
        tools = {tool.name: by_tool.get(tool.name, ExecutionMetrics()) for tool in manifest.tools}
        run_state = combined(metrics.run_state for metrics in by_tool.values())
        state, reason = self._state(manifest, run_state)
        # Tools of earlier versions count as well, because the plugin's counters equal its jobs.
        total = ExecutionMetrics.sum(by_tool.values())
        unsafe = _fork_unsafe_reason(manifest, run_state)
        return PluginHealth(manifest, state, total, {**tools, **by_tool}, reason, unsafe)

    def _state(self, plugin: PluginManifest | PluginSummary, run_state: RunState) -> tuple[LifecycleState, str | None]:
        """Return the lifecycle state of a plugin, and why it is unavailable or how its layer has changed."""
        finding = self._findings.get(plugin.name)
        reason = plugin.reason or (finding.reason if finding else None)
        if plugin.reason is not None or (finding and finding.unavailable):
            return LifecycleState.UNAVAILABLE, reason
        state = run_state.state
        return state, run_state.reason if state is LifecycleState.UNAVAILABLE else reason

    def _summaries(self) -> Mapping[str, PluginSummary]:
        """Return all plugins by name in alphabetical order."""
        missing = {name: self.manifest(name).summary() for name in self._findings.keys() - self._index.summaries.keys()}
        return dict(sorted({**self._index.summaries, **missing}.items()))

    @cached_property
    def _findings(self) -> Mapping[str, Finding]:
        """The findings of the audit, which runs on the first request about plugins, but not to execute a tool."""
        return self._index.audit()


def _fork_unsafe_reason(plugin: PluginManifest | PluginSummary, run_state: RunState) -> str | None:
    return fork_unsafe_reason(plugin.code_version, declared_safe=plugin.fork_safe, found=run_state.fork_finding)
