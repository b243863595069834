"""`interlock run`, `rerun`, `result` and `cancel`."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict

from interlock_client import Interlock, InterlockError, Job, NotFoundError, PermissionDeniedError
from interlock_dev.commands.exits import CommandFailed, Exit
from interlock_dev.commands.options import Target
from interlock_dev.commands.remote.following import cancelled_by_interrupt, exit_of, follow, show_error
from interlock_dev.commands.remote.inputs import read_input
from interlock_dev.commands.remote.output import console, print_json
from interlock_dev.commands.remote.profiles import did_you_mean
from interlock_dev.commands.remote.results import show_result
from interlock_dev.commands.remote.target import connect


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How a job is run and what becomes of its result."""

    json: str | None
    output: str | None
    detach: bool
    timeout_s: float | None
    deadline_s: float | None
    quiet: bool = False


def run(target: Target, name: str, arguments: Sequence[str], options: RunOptions) -> Exit:
    """Run a tool as a job, follow it, and print its result. Raise `UsageError`."""
    with connect(target) as (interlock, _):
        plugin, tool = find_tool(interlock, name)
        full_name = f"{plugin}.{tool['name']}" if tool["name"] else plugin
        fields = read_input(full_name, tool["input_schema"], arguments, options.json)
        job = interlock.submit(full_name, fields, timeout_s=options.timeout_s, deadline_s=options.deadline_s)
        return _finish(job, tool, options)


def rerun(target: Target, job_id: str, arguments: Sequence[str], options: RunOptions) -> Exit:
    """Run a job again with changed input. Raise `UsageError`."""
    with connect(target) as (interlock, _):
        original = interlock.job(job_id)
        _, tool = find_tool(interlock, original.tool)
        changes = read_input(original.tool, tool["input_schema"], arguments, options.json, partial=True)
        job = original.rerun(changes, timeout_s=options.timeout_s, deadline_s=options.deadline_s)
        return _finish(job, tool, options)


def result(target: Target, job_id: str, output: str | None) -> Exit:
    """Print the result of a job, or the error of one that has not succeeded. Raise `UsageError`."""
    with connect(target) as (interlock, _):
        job = interlock.job(job_id)
        if not job.finished:
            raise CommandFailed(
                f"job {job.id} is {job.status}: wait for it with `interlock job {job.id} --follow`", Exit.REFUSED
            )
        # A plugin that is not deployed any more has no schema, and its results remain.
        schema: Mapping[str, Any] = {}
        try:
            schema = find_tool(interlock, job.tool)[1]["output_schema"]
        except (CommandFailed, InterlockError):
            console(stderr=True).print(f"{job.tool} is not deployed any more", style="dim")
        return _show(job, schema, output)


def cancel(target: Target, job_id: str, reason: str | None, *, json: bool) -> Exit:
    """Request the cancel of a job and wait until it has stopped. Raise `UsageError`."""
    with connect(target) as (interlock, _):
        job = interlock.job(job_id).cancel(reason).wait()
        if json:
            print_json(job.document)
        else:
            sys.stdout.write(f"{job.status}: {job.cancel_outcome}\n")
        return Exit.OK


class Schemas(TypedDict):
    """The parts of a tool that are needed to run it."""

    name: str
    input_schema: dict[str, Any]
    output_schema: dict[str, Any]


def find_tool(interlock: Interlock, name: str) -> tuple[str, Schemas]:
    """Return the plugin and the tool of `plugin.tool`; `plugin` selects its first tool. Raise `CommandFailed`.

    With a key that may not read plugins, schemas are empty, and the service alone checks the input.
    """
    plugin, _, tool = name.partition(".")
    try:
        tools = {one["name"]: one for one in interlock.plugin(plugin)["tools"]}
    except PermissionDeniedError:
        console(stderr=True).print("the key lacks the scope plugins:read, so types are guessed", style="dim")
        return plugin, Schemas(name=tool, input_schema={}, output_schema={})
    except NotFoundError:
        suggestion = did_you_mean(plugin, [one["name"] for one in interlock.plugins()]) or ": see `interlock plugins`"
        raise CommandFailed(f"there is no plugin {plugin!r}{suggestion}", Exit.USAGE) from None
    if not tools:
        reason = interlock.health(plugin)["reason"]
        raise CommandFailed(f"plugin {plugin} is unavailable: {reason}", Exit.TOOL_FAILED)
    if tool and tool not in tools:
        raise CommandFailed(
            f"{plugin} has no tool {tool!r}{did_you_mean(tool, tools)} (it has: {', '.join(tools)})", Exit.USAGE
        )
    found = tools[tool or next(iter(tools))]
    return plugin, Schemas(name=found["name"], input_schema=found["input_schema"], output_schema=found["output_schema"])


def _finish(job: Job, tool: Schemas, options: RunOptions) -> Exit:
    if options.detach:
        sys.stdout.write(f"{job.id}\n")
        return Exit.OK
    with cancelled_by_interrupt(job):
        if options.quiet:
            job.wait()
        else:
            follow(job, stderr=True)
    return _show(job.refresh(), tool["output_schema"], options.output)


def _show(job: Job, schema: Mapping[str, Any], output: str | None) -> Exit:
    error = job.error
    if error is not None:
        show_error(error, job)
    else:
        show_result(job.result(), schema, output)
    return exit_of(job)
