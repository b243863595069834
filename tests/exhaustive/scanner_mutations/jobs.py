"""Violations in the JobService and the JobRunner."""

from tests.exhaustive.scanner_mutations.mutation import JOBS, LEASE, SERVICE, SETTLING, START, TRYING, within

JOB_SERVICE_AND_RUNNER = {
    # --- JobService ---
    **within(
        SERVICE,
        "JobService._write",
        "ILK008",
        {
            "a job ends past settle": (SETTLING, "self._store.change(before, after)"),
            "the wrong job is asked": (r"after\.finished", "before.finished"),
        },
    ),
    **within(
        SERVICE,
        "JobService._end",
        "ILK008",
        {"a lost job ends past settle": (r"self\._write\(", "self._store.change(")},
    ),
    **within(
        SERVICE,
        "JobService.cancel",
        "ILK008",
        {"a cancelled job ends past settle": (r"self\._write\(", "self._store.change(")},
    ),
    **within(
        SERVICE,
        "JobService.settle",
        "ILK008",
        {
            "a job is created finished": (
                START,
                r"\1\n    self._store.create(replace(job, status=JobStatus.SUCCEEDED))",
            ),
            "the service writes to the table": (START, r"\1\n    self._client.update_item(Key={})"),
        },
    ),
    **within(
        SERVICE,
        "JobService._end",
        "ILK004",
        {
            "the service swallows": (r"except \w+ as", "except Exception as"),
            "the service suppresses": (TRYING, "    with suppress(Exception): ...\n    try:"),
        },
    ),
    **within(
        SERVICE,
        "JobService.new",
        "ILK007",
        {
            "the service has a fallback tool": (r"tool=wanted\.tool", "tool=wanted.tool or 'analyze'"),
            "the service has a default tool": (r"wanted: NewJob\b", "wanted: NewJob, tool='analyze'"),
        },
    ),
    **within(
        SERVICE,
        "JobService.new",
        "ILK003",
        {
            "a job has a lifecycle": (r"status=JobStatus\.PENDING", "status=LifecycleState.LOADED"),
            "a job has a lifecycle's state": (r"status=JobStatus\.PENDING", "status=JobStatus.LOADED"),
        },
    ),
    **within(
        SERVICE,
        "JobService.cancel",
        "ILK003",
        {"a job is compared with a lifecycle": (r"JobStatus\.CANCELLING", "LifecycleState.RUNNING")},
    ),
    **within(
        SERVICE,
        "JobService.get",
        "ILK006",
        {"the service tells a traceback": (r"NotFound\(.*\)", "NotFound(traceback.format_exc())")},
    ),
    **within(
        SERVICE,
        "finished",
        "ILK005",
        {"the service answers 500": (r"raise _of\(job, NotFinished\(.*\)\)", "return {'statusCode': 500}")},
    ),
    **within(
        SERVICE,
        "JobService.submit",
        "ILK001",
        {"the service runs the plugin": (START, r"\1\n    plugins[wanted.plugin].run(wanted.tool, input)")},
    ),
    **within(
        SERVICE,
        "",
        "ILK010",
        {"the service imports a plugin": (r"^from ulid import ULID$", "from interlock_plugins.ocr import Ocr")},
    ),
    **within(
        SERVICE, "", "ILK009", {"the service imports botocore": (r"^from ulid import ULID$", "import botocore.config")}
    ),
    # --- JobRunner ---
    **within(
        JOBS,
        "JobRunner._finish",
        "ILK008",
        {"the runner ends a job past settle": (SETTLING, "self._store.change(before, after)")},
    ),
    **within(
        JOBS,
        "JobRunner._run",
        "ILK001",
        {
            f"the runner goes around by {call}": (r"self\._runner\.run\(", call)
            for call in (
                "self._plugin.run(",
                "call.plugin.run(",
                "load_plugin(call).run(",
                "self._plugins[job.plugin].run(",
                "getattr(plugin, 'run')(",
                "functools.partial(plugin.run)(",
                "asyncio.to_thread(plugin.run, ",
                "executor.submit(plugin.run, ",
                "(lambda p: p.run)(plugin)(",
                "[p.run for p in plugins][0](",
                "(go := plugin.run)(",
                "Plugin.run(plugin, ",
            )
        },
    ),
    **within(
        JOBS,
        "JobRunner.run_pending",
        "ILK004",
        {"the runner swallows": (r"except InterlockError as error:\n.*$", "except Exception:\n        return None")},
    ),
    **within(
        LEASE,
        "Lease._keep",
        "ILK004",
        {
            "the lease swallows": (r"self\._failure = error", "self._failure = None"),
            "the heartbeat suppresses": (TRYING, "    with contextlib.suppress(Exception): self._beat()\n    try:"),
        },
    ),
    **within(
        JOBS,
        "JobRunner._call_of",
        "ILK007",
        {"the runner has a fallback tool": (r"job\.tool", "job.tool or 'analyze'")},
    ),
    **within(
        JOBS,
        "JobRunner._finish",
        "ILK003",
        {"the runner waits for a lifecycle": (r"JobStatus\.SUCCEEDED", "LifecycleState.LOADED")},
    ),
    **within(
        JOBS,
        "JobRunner._call_of",
        "ILK009",
        {"the runner imports boto3 late": (START, r"\1\n    client = __import__('boto3')")},
    ),
    **within(
        JOBS,
        "JobRunner._call_of",
        "ILK010",
        {"the runner loads a plugin": (START, r"\1\n    plugin_index.load_plugin_class(job)")},
    ),
}
