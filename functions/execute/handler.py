"""`POST /v1/execute`, `POST /v1/jobs/{id}/rerun`, `POST /v1/uploads` and `POST /mcp`."""

from typing import Any

from interlock.composition.sandbox import start_sandbox

sandbox = start_sandbox()

from interlock.composition.core import Core
from interlock.composition.execute import execute_app
from interlock.composition.job_worker import job_runner
from interlock.composition.snapshots import Restorable

app = Restorable(
    lambda: execute_app(core := Core.from_env(), job_runner(core, sandbox)), before_snapshot=sandbox.wait_until_ready
)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return app.current.resolve(event, context)
