"""ILK003: a plugin is in one of five lifecycle states, and a job's status is not one of them."""

from collections.abc import Iterator
from pathlib import PurePosixPath

from tools.scanner.engine.tree import SyntaxTree
from tools.scanner.engine.violation import Rule, Violation, samples
from tools.scanner.rules.ilk003_lifecycle_states import problems


class LifecycleStates(Rule):
    """LOADED, INITIALIZED, RUNNING, FAILED and UNAVAILABLE, and no other."""

    code = "ILK003"
    title = "Five lifecycle states, and job statuses are not among them"
    rationale = (
        "Health, counters and clients read the same five states; a sixth is one that nobody handles. A lifecycle is"
        " what is named so (`lifecycle`, `lifecycle_state`, `plugin_state`, the `state` of a plugin or its health),"
        " typed so (`LifecycleState`), or kept under such a key, in DynamoDB's form as well. A job has a status, which"
        " is another thing with other values."
    )

    def check(self, tree: SyntaxTree, path: PurePosixPath) -> Iterator[Violation]:
        text = tree.text.lower()
        if not any(word in text for word in ("lifecycle", "plugin_state", ".state", "job_status", "jobstatus")):
            return
        for node, message in problems(tree):
            yield self.violation(tree, path, node, message)

    failing = samples(
        """
        class LifecycleState(StrEnum):  # bad
            LOADED = "LOADED"
            INITIALIZED = "INITIALIZED"
            RUNNING = "RUNNING"
            FAILED = "FAILED"
        ---
        class LifecycleState(StrEnum):
            LOADED = "LOADED"
            INITIALIZED = "INITIALIZED"
            RUNNING = "RUNNING"
            FAILED = "FAILED"
            UNAVAILABLE = "UNAVAILABLE"
            DRAINING = "DRAINING"  # bad
        ---
        class PluginLifecycle(Enum):
            LOADED = "LOADED"
            INITIALIZED = "READY"  # bad
            RUNNING = "RUNNING"
            FAILED = "FAILED"
            UNAVAILABLE = "UNAVAILABLE"
        ---
        class JobStatus(StrEnum):
            PENDING = "pending"
            LOADED = "LOADED"  # bad
        ---
        LifecycleState = Enum("LifecycleState", "LOADED READY")
        ---
        state = LifecycleState.READY
        ---
        from interlock.domain.lifecycle import LifecycleState as S
        state = S.READY
        ---
        state = LifecycleState("READY")
        ---
        state = LifecycleState["READY"]
        ---
        plugin.lifecycle = "READY"
        ---
        if plugin.lifecycle == "READY":  # bad
            ...
        ---
        if "READY" != lifecycle_state:  # bad
            ...
        ---
        if str(plugin.lifecycle) == "READY" or plugin.lifecycle.value == "READY":  # bad
            ...
        ---
        if lifecycle in ("LOADED", "READY"):  # bad
            ...
        ---
        match plugin.lifecycle:
            case "READY":  # bad
                ...
        ---
        state: LifecycleState = "READY"
        ---
        state = LifecycleState.LOADED
        if state == "READY":  # bad
            ...
        ---
        def call(state: LifecycleState):
            return state == "READY"
        ---
        def call() -> LifecycleState:
            return "READY"
        ---
        class Health:
            state: LifecycleState

            def ready(self):
                return self.state == "READY"  # bad
        ---
        self._states: dict[str, LifecycleState] = {}
        self._states["ocr"] = "READY"
        ---
        def call(lifecycle="READY"): ...
        ---
        record(lifecycle="READY")
        ---
        item = {"lifecycle": "READY"}
        ---
        item = {"lifecycle_state": {"S": "READY"}}
        ---
        values = {":lifecycle": {"S": "READY"}}
        ---
        item["lifecycle"] = {"S": "READY"}
        ---
        item.get("lifecycle", "READY")
        ---
        setattr(plugin, "lifecycle", "READY")
        ---
        lifecycle = "READY" if warm else "LOADED"
        ---
        if lifecycle in frozenset({"READY"}):  # bad
            ...
        ---
        lifecycle = "failed"
        ---
        plugin.state = "READY"
        ---
        if self.health.state == "succeeded":  # bad
            ...
        ---
        lifecycle = JobStatus.FAILED
        ---
        if plugin.lifecycle is JobStatus.RUNNING:  # bad
            ...
        ---
        job.status = LifecycleState.FAILED
        ---
        if job.status == LifecycleState.RUNNING:  # bad
            ...
        ---
        job_status = "LOADED"
        ---
        status = JobStatus.UNAVAILABLE
        ---
        status = JobStatus("LOADED")
        """
    )
    passing = samples(
        """
        class LifecycleState(StrEnum):
            '''The five.'''
            LOADED = "LOADED"
            INITIALIZED = "INITIALIZED"
            RUNNING = "RUNNING"
            FAILED = "FAILED"
            UNAVAILABLE = "UNAVAILABLE"

            @property
            def good(self): ...
        ---
        class JobStatus(StrEnum):
            PENDING = "pending"
            RUNNING = "running"
        ---
        plugin.lifecycle = LifecycleState.LOADED
        ---
        plugin.lifecycle = "FAILED"
        ---
        if health.state == "FAILED" or machine.state == "READY":
            execution.state = "done"
        ---
        names = [state.value for state in LifecycleState.__members__.values()]
        ---
        item = {"lifecycle": {"S": "LOADED"}, "status": {"S": "failed"}, "color": "READY"}
        ---
        if job.status == JobStatus.RUNNING or execution["status"] == "RUNNING":
            lifecycle_state = LifecycleState.RUNNING
        ---
        raise IllegalLifecycleTransition("READY")
        ---
        LifecycleConfiguration = {"Status": "Enabled"}
        ---
        from interlock.domain import lifecycle
        lifecycle.advance(LifecycleState.LOADED, LifecycleState.RUNNING)
        """
    )
