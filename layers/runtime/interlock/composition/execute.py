"""The application of the execute function: executing, running again, uploads, and the Model Context Protocol."""

from functools import cache, partial

from interlock.composition.core import Core
from interlock.composition.job_worker import leave_if_unfit
from interlock.http.app import HttpApp
from interlock.http.routes_execute import McpServer, Shown, add_execute_route, add_mcp_route, add_rerun_route
from interlock.http.routes_uploads import add_upload_route
from interlock.jobs.execute import Execute
from interlock.jobs.runner import JobRunner


def execute_app(core: Core, runner: JobRunner) -> HttpApp:
    """Compose the application."""
    app = HttpApp(core.limits, at_end=partial(leave_if_unfit, runner))
    execute = Execute(core.registry, core.service, runner, core.documents, core.uploads)
    shown, rules, max_wait_s = Shown(core.documents, core.deliveries), core.url_rules, core.max_wait_s
    add_execute_route(app, execute, shown, rules, max_wait_s=max_wait_s)
    add_rerun_route(app, execute, core.service, shown, rules, max_wait_s=max_wait_s)
    add_upload_route(app, core.uploads)
    add_mcp_route(app, cache(partial(_mcp_server, core, execute)))
    return app.close_routes()


def _mcp_server(core: Core, execute: Execute) -> McpServer:
    # Pydantic and mcp-types take 0.25 s, so only an environment that serves MCP imports them.
    from interlock.jobs.answering import Answering  # noqa: PLC0415
    from interlock.mcp import server  # noqa: PLC0415
    from interlock.mcp.asking import SECRET_NAME, Asking  # noqa: PLC0415
    from interlock.mcp.calls import Calls  # noqa: PLC0415

    asking = Asking(lambda: core.secrets.secret(SECRET_NAME), core.clock)
    answering = Answering(core.store, core.workflow, clock=core.clock)
    parts = execute, core.service, core.registry, core.documents
    calls = Calls(*parts, asking=asking, answering=answering, clock=core.clock)
    return server.McpServer(core.registry, calls)
