"""`interlock dev`: serves the stack until it is stopped."""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import socket
import sys
import threading
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from interlock.sandbox.processes import hide_memory
from interlock_dev.project.errors import UsageError
from interlock_dev.project.host import forget_aws_settings, listen, run_folder
from interlock_dev.project.paths import Project, RunningStack
from interlock_dev.project.signals import stoppable
from interlock_dev.stack.plugins import IndexBuild, Watch, check_path

if TYPE_CHECKING:
    from interlock_dev.stack.stack import Stack

# SAM CLI and moto take seconds to import: that happens below, while other processes build the index.


def run(arguments: Namespace) -> int:
    """Serves until Ctrl-C or SIGTERM. Raises `UsageError`."""
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s")
    forget_aws_settings()
    hide_memory()
    if arguments.built and arguments.in_process:
        raise UsageError("--built shows what the layers lack, which --in-process cannot: choose one of them")
    # Standard output is for the line that says "ready"; functions in this process print, too.
    out, sys.stdout = sys.stdout, sys.stderr
    # What is made until it serves stays: looking through it for garbage would cost every request.
    gc.disable()
    try:
        with stoppable(), contextlib.ExitStack() as cleanup:
            _serve(arguments, Project.find(Path.cwd()), out, cleanup)
            gc.freeze()
            gc.enable()
            threading.Event().wait()
    finally:
        sys.stdout = out
        # The process ends: nothing is worth being taken apart.
        gc.freeze()
        gc.enable()
    return 0


def _serve(arguments: Namespace, project: Project, out: TextIO, cleanup: contextlib.ExitStack) -> None:
    """Starts everything; `cleanup` ends it in reverse."""
    template = project.template(built=arguments.built)
    plugins = [check_path(path) for path in arguments.plugin]
    listener = cleanup.enter_context(_listener(arguments.port))
    port = listener.getsockname()[1]
    folder = cleanup.enter_context(run_folder())
    watch = Watch(plugins)
    index = None if arguments.built else IndexBuild(folder / "index", plugins)
    if index is not None:
        cleanup.callback(index.stop)

    from interlock_dev.apigateway.docs import with_docs  # noqa: PLC0415
    from interlock_dev.apigateway.gateway import Gateway  # noqa: PLC0415
    from interlock_dev.apigateway.requests import GatewayHandler  # noqa: PLC0415
    from interlock_dev.aws.events.schedules import Schedules  # noqa: PLC0415
    from interlock_dev.aws.resources import put_api_key  # noqa: PLC0415
    from interlock_dev.project.http_server import HttpServer  # noqa: PLC0415
    from interlock_dev.stack.stack import Options, Stack  # noqa: PLC0415

    options = Options(
        built=arguments.built,
        in_process=arguments.in_process,
        plugins=plugins,
        parameters=dict(arguments.parameter),
    )
    stack = Stack(template, options, folder, index)
    cleanup.callback(stack.close)
    put_api_key(stack.aws.url, stack.owner, stack.table, arguments.api_key)
    gateway = Gateway(stack.set.api, stack.functions, properties=stack.set.template.api_properties(), port=port)
    cleanup.callback(gateway.close)
    front = HttpServer(with_docs(gateway.wsgi), listener, handler=GatewayHandler)
    cleanup.callback(front.start().close)
    cleanup.callback(Schedules(stack.set.template.schedules(), stack.aws.lambda_api.send).stop)
    if not arguments.in_process:
        cleanup.callback(watch.start(lambda: _reload(stack, plugins)).stop)
    stack.wait_until_warm()
    _announce(project, stack, arguments.api_key, f"http://127.0.0.1:{port}", out)
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
    """Describes the added plugins anew and lets new environments serve them."""
    try:
        stack.rebuild_index()
    except UsageError as error:
        sys.stderr.write(f"interlock: {error}\n")
    stack.functions.recycle()
    sys.stderr.write(f"reloaded {', '.join(path.name for path in plugins)}\n")
