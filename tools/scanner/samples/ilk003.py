# %% violation
class LifecycleState(StrEnum):  # bad
    LOADED = "LOADED"
    INITIALIZED = "INITIALIZED"
    RUNNING = "RUNNING"
    FAILED = "FAILED"

# %% violation
class LifecycleState(StrEnum):
    LOADED = "LOADED"
    INITIALIZED = "INITIALIZED"
    RUNNING = "RUNNING"
    FAILED = "FAILED"
    UNAVAILABLE = "UNAVAILABLE"
    DRAINING = "DRAINING"  # bad

# %% violation
class PluginLifecycle(Enum):
    LOADED = "LOADED"
    INITIALIZED = "READY"  # bad
    RUNNING = "RUNNING"
    FAILED = "FAILED"
    UNAVAILABLE = "UNAVAILABLE"

# %% violation
class JobStatus(StrEnum):
    PENDING = "pending"
    LOADED = "LOADED"  # bad

# %% violation
LifecycleState = Enum("LifecycleState", "LOADED READY")

# %% violation
state = LifecycleState.READY

# %% violation
from interlock.domain.lifecycle import LifecycleState as S
state = S.READY

# %% violation
state = LifecycleState("READY")

# %% violation
state = LifecycleState["READY"]

# %% violation
plugin.lifecycle = "READY"

# %% violation
if plugin.lifecycle == "READY":  # bad
    ...

# %% violation
if "READY" != lifecycle_state:  # bad
    ...

# %% violation
if str(plugin.lifecycle) == "READY" or plugin.lifecycle.value == "READY":  # bad
    ...

# %% violation
if lifecycle in ("LOADED", "READY"):  # bad
    ...

# %% violation
match plugin.lifecycle:
    case "READY":  # bad
        ...

# %% violation
state: LifecycleState = "READY"

# %% violation
state = LifecycleState.LOADED
if state == "READY":  # bad
    ...

# %% violation
def call(state: LifecycleState):
    return state == "READY"

# %% violation
def call() -> LifecycleState:
    return "READY"

# %% violation
class Health:
    state: LifecycleState

    def ready(self):
        return self.state == "READY"  # bad

# %% violation
self._states: dict[str, LifecycleState] = {}
self._states["ocr"] = "READY"

# %% violation
def call(lifecycle="READY"): ...

# %% violation
record(lifecycle="READY")

# %% violation
item = {"lifecycle": "READY"}

# %% violation
item = {"lifecycle_state": {"S": "READY"}}

# %% violation
values = {":lifecycle": {"S": "READY"}}

# %% violation
item["lifecycle"] = {"S": "READY"}

# %% violation
item.get("lifecycle", "READY")

# %% violation
setattr(plugin, "lifecycle", "READY")

# %% violation
lifecycle = "READY" if warm else "LOADED"

# %% violation
if lifecycle in frozenset({"READY"}):  # bad
    ...

# %% violation
lifecycle = "failed"

# %% violation
plugin.state = "READY"

# %% violation
if self.health.state == "succeeded":  # bad
    ...

# %% violation
lifecycle = JobStatus.FAILED

# %% violation
if plugin.lifecycle is JobStatus.RUNNING:  # bad
    ...

# %% violation
job.status = LifecycleState.FAILED

# %% violation
if job.status == LifecycleState.RUNNING:  # bad
    ...

# %% violation
job_status = "LOADED"

# %% violation
status = JobStatus.UNAVAILABLE

# %% violation
status = JobStatus("LOADED")

# %% harmless
class LifecycleState(StrEnum):
    '''The five.'''
    LOADED = "LOADED"
    INITIALIZED = "INITIALIZED"
    RUNNING = "RUNNING"
    FAILED = "FAILED"
    UNAVAILABLE = "UNAVAILABLE"

    @property
    def good(self): ...

# %% harmless
class JobStatus(StrEnum):
    PENDING = "pending"
    RUNNING = "running"

# %% harmless
plugin.lifecycle = LifecycleState.LOADED

# %% harmless
plugin.lifecycle = "FAILED"

# %% harmless
if health.state == "FAILED" or machine.state == "READY":
    execution.state = "done"

# %% harmless
names = [state.value for state in LifecycleState.__members__.values()]

# %% harmless
item = {"lifecycle": {"S": "LOADED"}, "status": {"S": "failed"}, "color": "READY"}

# %% harmless
if job.status == JobStatus.RUNNING or execution["status"] == "RUNNING":
    lifecycle_state = LifecycleState.RUNNING

# %% harmless
raise IllegalLifecycleTransition("READY")

# %% harmless
LifecycleConfiguration = {"Status": "Enabled"}

# %% harmless
from interlock.domain import lifecycle
lifecycle.advance(LifecycleState.LOADED, LifecycleState.RUNNING)
