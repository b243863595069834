"""`interlock invoke`: run one event through a function."""

from __future__ import annotations

import contextlib
import json
import logging
import sys
from collections.abc import Container, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from interlock.sandbox.wire.processes import hide_memory
from interlock_dev.commands.exits import CommandFailed, Exit
from interlock_dev.commands.options import InvokeOptions
from interlock_dev.project.errors import UsageError
from interlock_dev.project.host import forget_aws_settings, run_folder
from interlock_dev.project.paths import Project, RunningStack
from interlock_dev.project.signals import stoppable
from interlock_dev.stack.plugins import IndexBuild

if TYPE_CHECKING:
    from interlock_dev.lambda_.environments import Invocation
    from interlock_dev.lambda_.functions import Functions
    from interlock_dev.stack.stack import FunctionSet


def run(options: InvokeOptions) -> int:
    """Print the function's response, and return 0, or 1 if the function failed. Raise `UsageError`."""
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s")
    forget_aws_settings()
    hide_memory()
    event = _event(options.event)
    out, sys.stdout = sys.stdout, sys.stderr
    invocation: Invocation | None = None
    try:
        with stoppable(), contextlib.ExitStack() as cleanup:
            invocation = _invoke(*_functions(options, cleanup), options, event)
    finally:
        sys.stdout = out
    if invocation is None:
        return 130
    out.write(invocation.payload.decode("utf-8", "replace") + "\n")
    return 1 if invocation.error else 0


def _event(name: str) -> bytes:
    try:
        text = sys.stdin.read() if name == "-" else Path(name).read_text()
        return json.dumps(json.loads(text)).encode()
    except OSError as error:
        raise UsageError(f"{name} cannot be read ({error.strerror})") from None
    except ValueError as error:
        raise UsageError(f"{name} is not JSON: {error}") from None


def _functions(options: InvokeOptions, cleanup: contextlib.ExitStack) -> tuple[FunctionSet, Functions]:
    """Start the functions on the running stack's AWS, or on a new one for this call."""
    project = Project.find(Path.cwd())
    template = project.template(built=options.built)
    folder = cleanup.enter_context(run_folder())
    running = project.running(options.port)
    if running is None and options.port is not None:
        raise CommandFailed(
            f"no local stack runs on port {options.port}: start it, or leave out --port", Exit.UNREACHABLE
        )
    index = IndexBuild(folder / "index", []) if running is None and not options.built else None

    from interlock_dev.stack.stack import FunctionSet, Options, Stack

    settings = Options(built=options.built, in_process=options.in_process)
    if running is None:
        stack = Stack(template, settings, folder, index, warm=False)
        cleanup.callback(stack.close)
        return stack.set, stack.functions
    functions = FunctionSet(template, settings, folder)
    started = functions.start(
        aws_endpoint_url=running.aws_endpoint_url,
        owner=running.access_key,
        plugin_index=_index_of(running, functions, options.built),
    )
    cleanup.callback(started.close)
    return functions, started


def _index_of(running: RunningStack, functions: FunctionSet, built: bool) -> Path:
    # Built functions must not see a plugin from the sources.
    return functions.index(None) if built else Path(running.plugin_index)


def _invoke(known: FunctionSet, functions: Functions, options: InvokeOptions, event: bytes) -> Invocation:
    from interlock_dev.lambda_.functions import UnknownFunction
    from interlock_dev.lambda_.pool import RequestTooLarge

    try:
        name = functions.resolve(options.function)
        _check_event(options.event, json.loads(event), name, known.behind_the_api.get(name, ()))
        return functions.invoke(name, event)
    except (UnknownFunction, RequestTooLarge) as error:
        raise UsageError(str(error)) from None


def _check_event(file: str, event: object, function: str, needed: Sequence[str]) -> None:
    """Raise `UsageError` for an event that API Gateway would not send: the function's error would not explain it."""
    has: Container[object] = event if isinstance(event, dict) else ()
    missing = next((name for name in needed if name not in has), None)
    if missing is not None:
        source = "standard input" if file == "-" else file
        raise UsageError(f"{source} is not an API Gateway event, which {function} expects: {missing!r} is missing")
