"""Rewritings of the sources that no rule forbids."""

from pathlib import PurePosixPath

from tests.exhaustive.scanner_mutations.mutation import (
    END,
    HANDLERS,
    JOBS,
    LEASE,
    LIFECYCLE,
    RECORDING,
    RUN,
    RUNNER,
    SERVICE,
    START,
    TRYING,
    UPDATING,
    Mutation,
    within,
)

HARMLESS = {
    **within(
        RUNNER,
        RUN,
        "",
        {
            "a log line in the finally": (UPDATING, r"        logger.info('over')\n        \1"),
            "a log line behind the update": (UPDATING, r"        \1\n        logger.info('over')"),
            "a guard in the finally": (UPDATING, r"        try: \1\n        except OSError: logger.exception('lost')"),
            "a with in the finally": (UPDATING, r"        with self._lock: \1"),
            "a loop in the finally": (
                UPDATING,
                r"        for hook in hooks:\n            if hook: continue\n        \1",
            ),
            "the update is elsewhere": (r"self\.(update_execution_metrics)\(", r"self._metrics.\1("),
            "the try returns": (r"outcome = self\._invoke", "return self._invoke"),
            "another except": (r"^    finally:", "    except OSError: outcome = None\n    finally:"),
            "an except that makes an outcome": (
                r"^    finally:",
                "    except Exception as error: outcome = Outcome.failed(str(error))\n    finally:",
            ),
            "an except that raises": (
                r"^    finally:",
                "    except Exception:\n        logger.exception('x')\n        raise\n    finally:",
            ),
            "more preparation": (TRYING, "    name = call.plugin.name\n    assert name\n    try:"),
        },
    ),
    **within(RUNNER, "", "", {"another function": (END, "\ndef of(plugin):\n    return plugin.name, plugin.version")}),
    **within(RUNNER, "ToolRunner", "", {"another method": (END, "\n    def close(self): self._sandbox.close()")}),
    **within(RUNNER, "ToolRunner._invoke", "", {"a subprocess": (START, r"\1\n    subprocess.run(['true'])")}),
    **within(
        RUNNER,
        "ToolRunner.update_execution_metrics",
        "",
        {"a local name": (RECORDING, r"        name = call.plugin.name\n        \1")},
    ),
    **within(
        SERVICE,
        "JobService._write",
        "",
        {
            "the question is turned around": (
                r"if after\.finished:\n( .*)\n    else:\n( .*)",
                r"if not after.finished:\n\2\n    else:\n\1",
            )
        },
    ),
    **within(
        SERVICE,
        "JobService._end",
        "",
        {
            "a settle of its own": (r"self\._write\(", "self._store.settle("),
            "a narrow except": (r"except \w+ as", "except (StaleJob, KeyError) as"),
        },
    ),
    **within(
        SERVICE,
        "JobService.settle_expired",
        "",
        {
            "final statuses are named": (START, r"\1\n    final = (JobStatus.FAILED, JobStatus.SUCCEEDED)"),
            "a final status is compared": (START, r"\1\n    if job.status == JobStatus.CANCELLED: return job"),
            "a final status is listed": (START, r"\1\n    self._store.list(status=JobStatus.FAILED)"),
        },
    ),
    **within(
        SERVICE, "JobService.new", "", {"a tool that may be left out": (r"wanted: NewJob\b", r"\g<0>, tool=None")}
    ),
    **within(
        LEASE,
        "Lease._keep",
        "",
        {
            "a narrow suppress": (TRYING, "    with contextlib.suppress(KeyError): self._beat()\n    try:"),
            "a failure in the log": (
                r"( *)(self\._failure = error)",
                r"\1logger.warning('%r', error, exc_info=error)\n\1\2",
            ),
        },
    ),
    **within(JOBS, "JobRunner._run", "", {"another runner": (r"self\._runner\.run\(", "self._tool_runner.run(")}),
    **within(JOBS, "JobRunner._call_of", "", {"a field": (START, r"\1\n    name = getattr(plugin, 'name')")}),
    **within(
        LIFECYCLE,
        "LifecycleState",
        "",
        {"another order": (r"(LOADED = 'LOADED')\n    (INITIALIZED = 'INITIALIZED')", r"\2\n    \1")},
    ),
    **{
        f"{name} in {PurePosixPath(file).parent.name}": Mutation(file, "handler", START, rf"\1\n    {source}")
        for file in HANDLERS
        for name, source in {
            "a lifecycle": "lifecycle = LifecycleState.FAILED",
            "a status": "status = JobStatus.FAILED if event else None",
            "an error": "print(repr(event), file=sys.stderr)",
            "a number": "time.sleep(500)",
            "no tool": "tool = event.get('tool')",
            "a name": "plugin = event['plugin']; logger.info(plugin)",
        }.items()
    },
}
