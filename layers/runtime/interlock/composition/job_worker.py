"""The composition of the functions that run tools: a JobRunner on a ToolRunner on a sandbox.

Apart from `interlock.composition.core`, so that the functions that run none pay nothing for it.
"""

import os
import sys

from interlock.composition.core import Core
from interlock.jobs.runner import JobRunner
from interlock.sandbox import EXIT_UNFIT, Sandbox
from interlock.tools.tool_runner import PRELOAD, TARGET, ToolRunner


def job_runner(core: Core) -> JobRunner:
    """Starts the sandbox, whose start-up overlaps with the rest of the function's, and puts a JobRunner on it."""
    sandbox = Sandbox(TARGET, preload=PRELOAD)
    sandbox.start()
    runner = ToolRunner(core.registry, sandbox)
    return JobRunner(core.store, runner, core.registry, core.documents, core.uploads, clock=core.clock)


def leave_if_unfit(runner: JobRunner) -> None:
    """Ends this process at the end of an invocation when a tool has damaged it, so that Lambda starts another one.

    The job's end is written by then. The gateway answers in place of the function: 503, to be tried again. The
    workflow's Catch finds that the job has ended. Outside Lambda nobody would start another process.
    """
    if runner.unfit and "AWS_LAMBDA_RUNTIME_API" in os.environ:
        sys.stderr.write("a tool has changed the limits or the scheduling of its environment, which ends\n")
        sys.stderr.flush()
        os._exit(EXIT_UNFIT)
