"""`interlock dev`: serve the local stack until it is stopped."""

from __future__ import annotations

import contextlib
import faulthandler
import gc
import logging
import os
import socket
import sys
import threading
import time
from collections.abc import Sequence
from importlib.util import cache_from_source
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from interlock.plugins.index import PluginIndex
from interlock.sandbox.wire.processes import hide_memory
from interlock_dev.commands.options import DevOptions
from interlock_dev.project.errors import UsageError
from interlock_dev.project.host import forget_aws_settings, listen, run_folder
from interlock_dev.project.log_view import LogView
from interlock_dev.project.paths import Project, RunningStack
from interlock_dev.project.signals import stoppable
from interlock_dev.stack.plugins import IndexBuild, Watch, check_path
from interlock_dev.stack.settings import missing_settings, read_settings

if TYPE_CHECKING:
    from interlock_dev.stack.stack import Stack

# SAM CLI and moto take seconds to import, so they are imported below, while another process builds the index.


def run(options: DevOptions) -> int:
    """Serve until Ctrl-C or SIGTERM. Raise `UsageError`."""
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s")
    # A stack that hangs is ended with SIGABRT, and then logs what its threads are doing, to a copy of descriptor 2:
    # one of these threads is the log view, which replaces descriptor 2 and may be unable to show what is written there.
    faulthandler.enable(os.dup(2))
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
            view = cleanup.enter_context(LogView(level=options.log_level, quiet=options.quiet))
            _serve(options, Project.find(Path.cwd()), out, cleanup, view)
            gc.freeze()
            gc.enable()
            threading.Event().wait()
    finally:
        sys.stdout = out
        # The process ends: no garbage needs to be collected.
        gc.freeze()
        gc.enable()
    return 0


def _serve(options: DevOptions, project: Project, out: TextIO, cleanup: contextlib.ExitStack, view: LogView) -> None:
    """Start everything; `cleanup` stops it in reverse order."""
    template = project.template(built=options.built)
    plugins = [check_path(path) for path in options.plugins]
    plugin_settings = read_settings(project.root, options.settings_file, options.settings)
    listener = cleanup.enter_context(_listener(options.port))
    folder = cleanup.enter_context(run_folder())
    watched = [*plugins, *(project.plugins.sources if project.plugins else ())]
    watch = Watch(watched)
    index = None if options.built else IndexBuild(folder / "index", plugins)
    if index is not None:
        cleanup.callback(index.stop)

    from interlock_dev.commands.serving import serve_api
    from interlock_dev.stack.stack import Options, Stack

    settings = Options(
        built=options.built,
        in_process=options.in_process,
        plugins=plugins,
        parameters=options.parameters,
        settings=plugin_settings,
        local_webhooks=options.local_webhooks,
        wait_factor=options.wait_factor,
    )
    stack = Stack(template, settings, folder, index)
    cleanup.callback(stack.close)
    serve_api(stack, listener, options.api_key, cleanup, before_request=watch.check, hosts=options.hosts)
    if not options.in_process:
        cleanup.callback(watch.start(lambda files: _reload(stack, watched, files)).stop)
    stack.wait_until_warm()
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    _announce(project, stack, options.api_key, url)
    sys.stderr.writelines(f"{line}\n" for line in missing_settings(PluginIndex(stack.plugin_index), plugin_settings))
    view.flush()
    # The last line, so that it is found: whatever the start has logged is above it.
    out.write(f"ready {url}\n")
    out.flush()
    cleanup.callback(project.withdraw)


def _listener(port: int) -> socket.socket:
    try:
        return listen(port)
    except OSError as error:
        raise UsageError(f"port {port} cannot be used ({error.strerror}): choose another with --port") from None


def _announce(project: Project, stack: Stack, api_key: str, url: str) -> None:
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
    told = {
        "API key": api_key,
        "Console": f"{url}/console",
        "Docs": f"{url}/docs",
        "AWS": running.aws_endpoint_url,
        "To end it": "Ctrl-C",
    }
    sys.stderr.writelines(f"{name + ':':<10} {value}\n" for name, value in told.items())


def _reload(stack: Stack, watched: Sequence[Path], files: Sequence[Path]) -> None:
    """Update the plugin index for changed files. Requests that arrive meanwhile wait for the update."""
    began = time.monotonic()
    for file in files:
        # Python would use an outdated compiled file after two changes in one second that keep the size.
        if file.suffix == ".py":
            Path(cache_from_source(str(file))).unlink(missing_ok=True)
    changed = [path for path in watched if any(file.is_relative_to(path) for file in files)]
    try:
        unavailable = stack.update_index(changed)
    except UsageError as error:
        unavailable = [f"interlock: {error}"]
    names = ", ".join(file.name for file in files)
    sys.stderr.write(f"reloaded {names} in {time.monotonic() - began:.1f} s\n")
    sys.stderr.writelines(f"{line}\n" for line in unavailable)
