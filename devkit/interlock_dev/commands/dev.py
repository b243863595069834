"""`interlock dev`: serve the local stack until it is stopped."""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import socket
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from interlock.sandbox.wire.processes import hide_memory
from interlock_dev.commands.options import DevOptions
from interlock_dev.project.errors import UsageError
from interlock_dev.project.host import forget_aws_settings, listen, run_folder
from interlock_dev.project.paths import Project, RunningStack
from interlock_dev.project.signals import stoppable
from interlock_dev.stack.plugins import IndexBuild, Watch, check_path

if TYPE_CHECKING:
    from interlock_dev.stack.stack import Stack

# SAM CLI and moto take seconds to import, so they are imported below, while another process builds the index.


def run(options: DevOptions) -> int:
    """Serve until Ctrl-C or SIGTERM. Raise `UsageError`."""
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s")
    forget_aws_settings()
    hide_memory()
    if options.built and options.in_process:
        raise UsageError("--built shows what the layers lack, which --in-process cannot: choose one of them")
    # Standard output is reserved for the "ready" line; functions in this process may print as well.
    out, sys.stdout = sys.stdout, sys.stderr
    # Objects created during the start live until the end: scanning them for garbage would cost every request.
    gc.disable()
    try:
        with stoppable(), contextlib.ExitStack() as cleanup:
            _serve(options, Project.find(Path.cwd()), out, cleanup)
            gc.freeze()
            gc.enable()
            threading.Event().wait()
    finally:
        sys.stdout = out
        # The process ends: no garbage needs to be collected.
        gc.freeze()
        gc.enable()
    return 0


def _serve(options: DevOptions, project: Project, out: TextIO, cleanup: contextlib.ExitStack) -> None:
    """Start everything; `cleanup` stops it in reverse order."""
    template = project.template(built=options.built)
    plugins = [check_path(path) for path in options.plugins]
    listener = cleanup.enter_context(_listener(options.port))
    port = listener.getsockname()[1]
    folder = cleanup.enter_context(run_folder())
    watch = Watch(plugins)
    index = None if options.built else IndexBuild(folder / "index", plugins)
    if index is not None:
        cleanup.callback(index.stop)

    from interlock_dev.apigateway.docs import with_docs
    from interlock_dev.apigateway.gateway import Gateway
    from interlock_dev.apigateway.requests import GatewayHandler
    from interlock_dev.aws.events.schedules import Schedules
    from interlock_dev.aws.resources import put_api_key
    from interlock_dev.project.http_server import HttpServer
    from interlock_dev.stack.stack import Options, Stack

    settings = Options(
        built=options.built, in_process=options.in_process, plugins=plugins, parameters=options.parameters
    )
    stack = Stack(template, settings, folder, index)
    cleanup.callback(stack.close)
    put_api_key(stack.aws.url, stack.owner, stack.table, options.api_key)
    gateway = Gateway(stack.set.api, stack.functions, properties=stack.set.template.api_properties(), port=port)
    cleanup.callback(gateway.close)
    front = HttpServer(with_docs(gateway.wsgi), listener, handler=GatewayHandler)
    cleanup.callback(front.start().close)
    cleanup.callback(Schedules(stack.set.template.schedules(), stack.aws.lambda_api.send).stop)
    if not options.in_process:
        cleanup.callback(watch.start(lambda: _reload(stack, plugins)).stop)
    stack.wait_until_warm()
    _announce(project, stack, options.api_key, f"http://127.0.0.1:{port}", out)
    cleanup.callback(project.withdraw)


def _listener(port: int) -> socket.socket:
    try:
        return listen(port)
    except OSError as error:
        raise UsageError(f"port {port} cannot be used ({error.strerror}): choose another with --port") from None


def _announce(project: Project, stack: Stack, api_key: str, url: str, out: TextIO) -> None:
    running = RunningStack(
        url=url,
        aws_endpoint_url=stack.aws.url,
        aws_access_key_id=stack.owner.id,
        aws_secret_access_key=stack.owner.secret,
        api_key=api_key,
        table=stack.table,
        bucket=stack.bucket,
        workflow_arn=stack.workflow_arn,
        plugin_index=str(stack.plugin_index),
        pid=os.getpid(),
    )
    project.publish(running)
    sys.stderr.write(f"API key: {api_key}   Docs: {url}/docs   AWS: {running.aws_endpoint_url}   Ctrl-C ends it\n")
    out.write(f"ready {url}\n")
    out.flush()


def _reload(stack: Stack, plugins: Sequence[Path]) -> None:
    """Rebuild the index of the added plugins, and replace the environments that serve them."""
    try:
        stack.rebuild_index()
    except UsageError as error:
        sys.stderr.write(f"interlock: {error}\n")
    stack.functions.recycle()
    sys.stderr.write(f"reloaded {', '.join(path.name for path in plugins)}\n")
