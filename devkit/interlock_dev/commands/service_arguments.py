"""The arguments of the commands that call a service: run tools, follow jobs, look at plugins."""

from datetime import datetime
from typing import Annotated, Any

import typer

from interlock_dev.commands.options import Target
from interlock_dev.commands.values import Json, integer_between, parse_moment, parse_seconds, parse_status, parse_tenant

MAX_JOBS = 10_000
CALL = "Call a service"
OPERATE = "Operate a service"


def complete_tool(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return the tools whose names begin with a text."""
    from interlock_dev.commands.remote import completion

    return [name for name in completion.tools(ctx.params) if name.startswith(incomplete)]


def complete_job(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return the ids of the latest jobs that begin with a text."""
    from interlock_dev.commands.remote import completion

    return [name for name in completion.jobs(ctx.params) if name.startswith(incomplete)]


def complete_client(incomplete: str) -> list[str]:
    """Return the clients of the Model Context Protocol whose names begin with a text."""
    from interlock_dev.commands.remote.mcp import CLIENTS

    return [name for name in CLIENTS if name.startswith(incomplete)]


Url = Annotated[str | None, typer.Option("--url", metavar="URL", help="Base URL of the service. Also INTERLOCK_URL.")]
Key = Annotated[
    str | None, typer.Option("--key", metavar="KEY", help="API key. INTERLOCK_API_KEY keeps it out of the history.")
]
Stack = Annotated[str | None, typer.Option("--stack", metavar="NAME", help="A deployed stack, by its name in AWS.")]
Profile = Annotated[str | None, typer.Option("--profile", metavar="NAME", help="A profile of the configuration file.")]
JobId = Annotated[str, typer.Argument(metavar="JOB", help="The id of a job.", autocompletion=complete_job)]
Fields = Annotated[
    list[str] | None,
    typer.Argument(metavar="NAME=VALUE…", help="Fields of the input; @FILE is a file's content, a.b a nested field."),
]
Document = Annotated[
    str | None, typer.Option("--json", metavar="JSON", help="The input as JSON; @FILE or @- reads it from there.")
]
Output = Annotated[
    str | None,
    typer.Option("--output", "-o", metavar="FILE", help="Write the result's file to this path; - for standard output."),
]
Detach = Annotated[bool, typer.Option("--detach", "-d", help="Print the job's id and do not wait.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show neither progress nor log lines.")]
Timeout = Annotated[
    float | None, typer.Option(parser=parse_seconds, metavar="SECONDS", help="Shorten the tool's time limit.")
]
Deadline = Annotated[
    float | None,
    typer.Option(
        parser=parse_seconds, metavar="SECONDS", help="End the job after this time, even if it has not started."
    ),
]
Since = Annotated[
    datetime | None,
    typer.Option(parser=parse_moment, metavar="TIME", help="Only jobs created in the last 2h, or since a time."),
]
Until = Annotated[
    datetime | None, typer.Option(parser=parse_moment, metavar="TIME", help="Only jobs created before this time.")
]
Follow = Annotated[bool, typer.Option("--follow", "-f", help="Follow the job until it has finished.")]

app = typer.Typer()


@app.command(rich_help_panel=CALL)
def run(
    tool: Annotated[
        str,
        typer.Argument(
            metavar="PLUGIN.TOOL", help="The tool; a plugin alone is its first tool.", autocompletion=complete_tool
        ),
    ],
    fields: Fields = None,
    *,
    json: Document = None,
    output: Output = None,
    detach: Detach = False,
    quiet: Quiet = False,
    timeout: Timeout = None,
    deadline: Deadline = None,
    url: Url = None,
    key: Key = None,
    stack: Stack = None,
    profile: Profile = None,
) -> int:
    """Run a tool and print its result: interlock run ocr.analyze image=@page.png language=eng"""
    from interlock_dev.commands.remote import run as command

    options = command.RunOptions(json, output, detach, timeout, deadline, quiet)
    return command.run(Target(url, key, stack, profile), tool, fields or (), options)


@app.command(rich_help_panel=CALL)
def rerun(
    job: JobId,
    fields: Fields = None,
    *,
    json: Document = None,
    output: Output = None,
    detach: Detach = False,
    quiet: Quiet = False,
    timeout: Timeout = None,
    deadline: Deadline = None,
    url: Url = None,
    key: Key = None,
    stack: Stack = None,
    profile: Profile = None,
) -> int:
    """Run a job again, with changed fields: interlock rerun JOB language=deu"""
    from interlock_dev.commands.remote import run as command

    options = command.RunOptions(json, output, detach, timeout, deadline, quiet)
    return command.rerun(Target(url, key, stack, profile), job, fields or (), options)


@app.command(rich_help_panel=CALL)
def result(
    job: JobId,
    *,
    output: Output = None,
    url: Url = None,
    key: Key = None,
    stack: Stack = None,
    profile: Profile = None,
) -> int:
    """Print the result of a job as JSON, or save its file."""
    from interlock_dev.commands.remote import run as command

    return command.result(Target(url, key, stack, profile), job, output)


@app.command(rich_help_panel=CALL)
def cancel(
    job: JobId,
    *,
    reason: Annotated[str | None, typer.Option(metavar="TEXT", help="A reason, which the job shows.")] = None,
    json: Json = False,
    url: Url = None,
    key: Key = None,
    stack: Stack = None,
    profile: Profile = None,
) -> int:
    """Cancel a job and wait until its work has stopped."""
    from interlock_dev.commands.remote import run as command

    return command.cancel(Target(url, key, stack, profile), job, reason, json=json)


@app.command(rich_help_panel=CALL)
def jobs(
    *,
    plugin: Annotated[str | None, typer.Option(metavar="NAME", help="Only jobs of this plugin.")] = None,
    tool: Annotated[str | None, typer.Option(metavar="NAME", help="Only jobs of this tool.")] = None,
    status: Annotated[
        list[Any] | None,
        typer.Option(parser=parse_status, metavar="STATUS", help="Only with this status; may be repeated."),
    ] = None,
    batch: Annotated[str | None, typer.Option(metavar="BATCH", help="Only jobs of this batch.")] = None,
    since: Since = None,
    until: Until = None,
    limit: Annotated[
        int, typer.Option("--limit", "-n", parser=integer_between(1, MAX_JOBS), metavar="N", help="At most N jobs.")
    ] = 20,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Keep the table up to date until Ctrl-C.")] = False,
    all_tenants: Annotated[
        bool, typer.Option("--all-tenants", help="All tenants, from the table: for operators, with AWS credentials.")
    ] = False,
    tenant: Annotated[
        list[Any] | None,
        typer.Option(parser=parse_tenant, metavar="NAME", help="This tenant, from the table; may be repeated."),
    ] = None,
    json: Json = False,
    url: Url = None,
    key: Key = None,
    stack: Stack = None,
    profile: Profile = None,
) -> int:
    """List jobs, newest first."""
    from interlock_dev.commands.remote import jobs as command

    filters = command.Filters(plugin, tool, status or (), since, until, limit, batch)
    if all_tenants or tenant:
        if url or key or profile or watch or batch or (all_tenants and tenant):
            raise typer.BadParameter("--all-tenants and --tenant read the table: only --stack selects another one.")
        from interlock_dev.commands import tenant_jobs

        return tenant_jobs.show_tenant_jobs(stack, tenant or (), filters, json=json)
    return command.show_jobs(Target(url, key, stack, profile), filters, json=json, watch=watch)


@app.command(rich_help_panel=CALL)
def job(
    job: JobId,
    *,
    follow: Follow = False,
    json: Json = False,
    url: Url = None,
    key: Key = None,
    stack: Stack = None,
    profile: Profile = None,
) -> int:
    """Show a job, or follow its progress and log lines; then the exit status is that of the job."""
    from interlock_dev.commands.remote import jobs as command

    return command.show_job(Target(url, key, stack, profile), job, json=json, follow_it=follow)


@app.command(rich_help_panel=CALL)
def logs(
    job: JobId,
    *,
    follow: Follow = False,
    json: Json = False,
    url: Url = None,
    key: Key = None,
    stack: Stack = None,
    profile: Profile = None,
) -> int:
    """Print the log lines of a job."""
    from interlock_dev.commands.remote import jobs as command

    return command.show_logs(Target(url, key, stack, profile), job, json=json, follow_it=follow)


@app.command(rich_help_panel=CALL)
def plugins(
    *, json: Json = False, url: Url = None, key: Key = None, stack: Stack = None, profile: Profile = None
) -> int:
    """List the plugins with their states."""
    from interlock_dev.commands.remote import plugins as command

    return command.show_plugins(Target(url, key, stack, profile), json=json)


@app.command(rich_help_panel=CALL)
def plugin(
    name: Annotated[
        str, typer.Argument(metavar="PLUGIN", help="A plugin, or PLUGIN.TOOL.", autocompletion=complete_tool)
    ],
    *,
    json: Json = False,
    url: Url = None,
    key: Key = None,
    stack: Stack = None,
    profile: Profile = None,
) -> int:
    """Show a plugin's tools, with their inputs, outputs and an example call."""
    from interlock_dev.commands.remote import plugins as command

    return command.show_plugin(Target(url, key, stack, profile), name, json=json)


@app.command(rich_help_panel=CALL)
def mcp(
    client: Annotated[
        str | None,
        typer.Argument(
            metavar="CLIENT",
            help="Only the configuration of this client, such as vscode.",
            autocompletion=complete_client,
        ),
    ] = None,
    *,
    show_key: Annotated[bool, typer.Option("--show-key", help="Print the key itself, not a reference to it.")] = False,
    json: Json = False,
    url: Url = None,
    key: Key = None,
    stack: Stack = None,
    profile: Profile = None,
) -> int:
    """Print the configuration for Claude, VS Code, Cursor and other agents: interlock mcp vscode"""
    from interlock_dev.commands.remote import mcp as command

    return command.show_configurations(Target(url, key, stack, profile), client, show_key=show_key, json=json)
