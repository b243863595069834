"""The composition of the functions that run tools: a JobRunner on a ToolRunner on a sandbox.

Apart from `interlock.composition.core`, so that the functions that run none pay nothing for it.
"""

from interlock.composition.core import Core
from interlock.jobs.runner import JobRunner
from interlock.sandbox import Sandbox
from interlock.tools.tool_runner import PRELOAD, TARGET, ToolRunner


def job_runner(core: Core) -> JobRunner:
    """Starts the sandbox, whose start-up overlaps with the rest of the function's, and puts a JobRunner on it."""
    sandbox = Sandbox(TARGET, preload=PRELOAD)
    sandbox.start()
    runner = ToolRunner(core.registry, sandbox)
    return JobRunner(core.store, runner, core.registry, core.documents, core.uploads, clock=core.clock)
