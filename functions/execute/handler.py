"""`POST /v1/execute` and `POST /v1/uploads`."""

from typing import Any

from interlock.composition.sandbox import start_sandbox

sandbox = start_sandbox()

from interlock.composition.core import Core
from interlock.composition.execute import execute_app
from interlock.composition.job_worker import job_runner

core = Core.from_env()
app = execute_app(core, job_runner(core, sandbox))


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return app.resolve(event, context)
