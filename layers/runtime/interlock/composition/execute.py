"""The application of the execute function: `POST /v1/execute` and `POST /v1/uploads`."""

from functools import partial

from interlock.composition.core import Core
from interlock.composition.job_worker import leave_if_unfit
from interlock.http.app import HttpApp
from interlock.http.routes_execute import add_execute_route
from interlock.http.routes_uploads import add_upload_route
from interlock.jobs.execute import Execute
from interlock.jobs.runner import JobRunner


def execute_app(core: Core, runner: JobRunner) -> HttpApp:
    """Compose the application."""
    app = HttpApp(core.limits, at_end=partial(leave_if_unfit, runner))
    add_execute_route(app, Execute(core.registry, core.service, runner, core.uploads), core.documents)
    add_upload_route(app, core.uploads)
    return app.close_routes()
