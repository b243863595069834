"""`POST /v1/execute` and `POST /v1/uploads`."""

from typing import Any

from interlock.composition.core import Core, Settings
from interlock.composition.job_worker import job_runner
from interlock.http.routes_execute import ExecuteRoute, execute_app

core = Core(Settings.from_env())
route = ExecuteRoute(core.registry, core.service, job_runner(core), core.documents, core.uploads)
app = execute_app(route, core.uploads, core.limits)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return app.resolve(event, context)
