"""The arguments of `interlock webhook`."""

from typing import Annotated

import typer

from interlock_dev.commands.options import Target
from interlock_dev.commands.service_arguments import JobId, Key, Profile, Stack, Url
from interlock_dev.commands.values import MAX_PORT, Json, integer_between

DEFAULT_PORT = 3080

app = typer.Typer(name="webhook", help="Receive webhooks during development, and manage their secret.")


@app.command()
def listen(
    *,
    port: Annotated[
        int, typer.Option(parser=integer_between(0, MAX_PORT), metavar="PORT", help="Port; 0 selects a free one.")
    ] = DEFAULT_PORT,
    json: Json = False,
    url: Url = None,
    key: Key = None,
    stack: Stack = None,
    profile: Profile = None,
) -> int:
    """Receive webhooks on this machine, verify and print them until Ctrl-C."""
    from interlock_dev.commands.remote import webhooks as command

    return command.listen(Target(url, key, stack, profile), port, json=json)


@app.command()
def secret(
    *, json: Json = False, url: Url = None, key: Key = None, stack: Stack = None, profile: Profile = None
) -> int:
    """Print the secret that signs the tenant's webhooks."""
    from interlock_dev.commands.remote import webhooks as command

    return command.show_secret(Target(url, key, stack, profile), json=json)


@app.command()
def rotate(
    *, json: Json = False, url: Url = None, key: Key = None, stack: Stack = None, profile: Profile = None
) -> int:
    """Replace the secret and print the new one. Messages are also signed with the old one for 24 hours."""
    from interlock_dev.commands.remote import webhooks as command

    return command.rotate_secret(Target(url, key, stack, profile), json=json)


@app.command()
def redeliver(
    job: JobId,
    *,
    event: Annotated[
        str | None, typer.Option(metavar="EVENT", help="started or finished; default: all events that have happened.")
    ] = None,
    json: Json = False,
    url: Url = None,
    key: Key = None,
    stack: Stack = None,
    profile: Profile = None,
) -> int:
    """Send the messages of a job's webhook again."""
    from interlock_dev.commands.remote import webhooks as command

    return command.redeliver(Target(url, key, stack, profile), job, event, json=json)
