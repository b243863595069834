"""Violations in the domain, the HTTP models, the plugin API, the adapters and the handlers."""

from pathlib import PurePosixPath

from tests.exhaustive.scanner_mutations.mutation import END, HANDLERS, INTERLOCK, LIFECYCLE, START, Mutation, within

ELSEWHERE = {
    **within(
        LIFECYCLE,
        "LifecycleState",
        "ILK003",
        {
            "a state is renamed": (r"LOADED = 'LOADED'", "READY = 'READY'"),
            "a state has another value": (r"LOADED = 'LOADED'", "LOADED = 'READY'"),
            "a state is added": (r"LOADED = 'LOADED'", r"\g<0>\n    IDLE = 'IDLE'"),
            "a state is dropped": (r"FAILED = 'FAILED'", "pass"),
        },
    ),
    **within(
        LIFECYCLE, "verdict", "ILK003", {"a verdict is none of the five": (r"LifecycleState\.INITIALIZED", "'READY'")}
    ),
    **within(
        f"{INTERLOCK}/http/responses.py",
        "",
        "ILK005",
        {"a service that is down answers 500": (r"(ErrorCode\.UNAVAILABLE: )503", r"\g<1>500")},
    ),
    **within(
        f"{INTERLOCK}/http/models.py",
        "ExecuteRequest",
        "ILK007",
        {"the request has a default tool": (r"(tool: .*= )None", r"\1'analyze'")},
    ),
    **within(
        f"{INTERLOCK}/plugin.py",
        "Plugin.setup",
        "ILK001",
        {
            "a plugin runs itself": (END, "\n    self.run('a', {}, None)"),
            "a tool's method is called elsewhere": (END, "\n    self.tools()['a'].method(self)"),
        },
    ),
    **within(
        f"{INTERLOCK}/adapters/dynamo/jobs.py",
        "DynamoJobs.heartbeat",
        "ILK008",
        {"a heartbeat ends a job": (START, r"\1\n    status = JobStatus.FAILED.value")},
    ),
}

PLANTED = {
    "a plugin is run": ("ILK001", "return plugin.run(event['tool'], event['input'], context)"),
    "a plugin is run by another name": ("ILK001", "p = core.plugins['ocr']; return p.run(event)"),
    "a state is invented": ("ILK003", "lifecycle_state = 'WARM'"),
    "everything is caught": ("ILK004", "try: work()\n    except Exception: return {}"),
    "a 500 is answered": ("ILK005", "return {'statusCode': 500, 'body': ''}"),
    "a traceback is answered": ("ILK006", "return {'body': traceback.format_exc()}"),
    "a tool is assumed": ("ILK007", "tool = event.get('tool', 'analyze')"),
    "the table is written": ("ILK008", "table.update_item(Key={})"),
    "a client is made": ("ILK009", "import boto3"),
    "a plugin is imported": ("ILK010", "from interlock_plugins.ocr import Ocr"),
}

IN_HANDLERS = {
    f"{name} in {PurePosixPath(file).parent.name}": Mutation(file, "handler", START, rf"\1\n    {source}", code)
    for file in HANDLERS
    for name, (code, source) in PLANTED.items()
}
