"""The application of the execute function: executing, running again, and uploads."""

from functools import partial

from interlock.composition.core import Core
from interlock.composition.job_worker import leave_if_unfit
from interlock.http.app import HttpApp
from interlock.http.routes_execute import add_execute_route, add_rerun_route
from interlock.http.routes_uploads import add_upload_route
from interlock.jobs.execute import Execute
from interlock.jobs.runner import JobRunner


def execute_app(core: Core, runner: JobRunner) -> HttpApp:
    """Compose the application."""
    app = HttpApp(core.limits, at_end=partial(leave_if_unfit, runner))
    execute = Execute(core.registry, core.service, runner, core.documents, core.uploads)
    max_wait_s = core.max_wait_s
    add_execute_route(app, execute, core.documents, max_wait_s=max_wait_s)
    add_rerun_route(app, execute, core.service, core.documents, max_wait_s=max_wait_s)
    add_upload_route(app, core.uploads)
    return app.close_routes()
