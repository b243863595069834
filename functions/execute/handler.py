"""`POST /v1/execute` and `POST /v1/uploads`."""

from typing import Any

from interlock.composition.core import Core, Settings
from interlock.composition.job_worker import job_runner, leave_if_unfit
from interlock.http.routes_execute import ExecuteRoute, execute_app

core = Core(Settings.from_env())
runner = job_runner(core)
route = ExecuteRoute(core.registry, core.service, runner, core.documents, core.uploads)
app = execute_app(route, core.uploads, core.limits)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    try:
        return app.resolve(event, context)
    finally:
        leave_if_unfit(runner)
