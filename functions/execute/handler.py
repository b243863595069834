"""`POST /v1/execute` and `POST /v1/uploads`."""

from typing import Any

from interlock.composition.sandbox import start_sandbox

sandbox = start_sandbox()

from interlock.composition.core import Core
from interlock.composition.execute import execute_app
from interlock.composition.job_worker import job_runner
from interlock.composition.snapshots import Restorable
from interlock.http.app import HttpApp


def compose() -> HttpApp:
    core = Core.from_env()
    return execute_app(core, job_runner(core, sandbox))


app = Restorable(compose, before_snapshot=sandbox.wait_until_ready)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return app.current.resolve(event, context)
