"""The arguments of `interlock keys`. Invalid ones are reported before AWS is called."""

from datetime import timedelta
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from interlock.domain.access import MAX_CONCURRENCY, MAX_KEY_NAME, Scope, is_key_name
from interlock.domain.rate import Rate
from interlock_dev.commands.options import KeyTarget, Target
from interlock_dev.commands.service_arguments import Key, Profile, Url
from interlock_dev.commands.values import MAX_PORT, Json, integer_between, parse_duration, parse_tenant

DEFAULT_OVERLAP = timedelta(hours=1)


def parse_scopes(text: str) -> frozenset[str]:
    """Parse scopes that are separated by commas or spaces."""
    words = text.replace(",", " ").split()
    unknown = [word for word in words if word not in list(Scope)]
    if unknown or not words:
        given = unknown[0] if unknown else text
        raise typer.BadParameter(f"{given!r} is not a scope. Known scopes: {', '.join(Scope)}.")
    return frozenset(words)


def parse_lifetime(text: str) -> timedelta:
    """Parse a duration above zero."""
    found = parse_duration(text)
    if not found:
        raise typer.BadParameter(f"{text!r} would end the key at once.")
    return found


def parse_rate(text: str) -> Rate:
    """Parse a rate, such as `10/s`."""
    try:
        return Rate.parse(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def parse_name(text: str) -> str:
    """Validate the name of a key."""
    if not is_key_name(text):
        raise typer.BadParameter(f"A name is one line of 1 to {MAX_KEY_NAME} characters.")
    return text


class CommandWithScopes(TyperCommand):
    """Accept several words after `--scopes`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        joined: list[str] = []
        scopes = False
        for word in args:
            if scopes and joined[-1] != "--scopes" and not word.startswith("-"):
                joined[-1] += f",{word}"
                continue
            scopes = word == "--scopes" or (scopes and joined[-1] == "--scopes")
            joined.append(word)
        return super().parse_args(ctx, joined)


Tenant = Annotated[
    str | None,
    typer.Option(parser=parse_tenant, metavar="TENANT", help="Tenant of the key; through the API, that of --key."),
]
Stack = Annotated[
    str | None, typer.Option(metavar="NAME", help="The table of a deployed stack instead of the running local one.")
]
Port = Annotated[
    int | None,
    typer.Option(parser=integer_between(1, MAX_PORT), metavar="PORT", help="Port of the local stack, if several run."),
]
Name = Annotated[
    str | None,
    typer.Option(parser=parse_name, metavar="TEXT", help="A name or purpose that `interlock keys list` shows."),
]
KeyId = Annotated[str, typer.Argument(metavar="KEY_ID", help="The id that `interlock keys list` shows.")]

app = typer.Typer(name="keys", help="Create, list, revoke and rotate API keys.")


def _target(
    *, stack: str | None, port: int | None, json: bool, url: str | None, key: str | None, profile: str | None
) -> KeyTarget:
    """Return where the keys are: behind the API with `--url` or `--profile`, otherwise in a table."""
    if not (url or profile):
        if key:
            raise typer.BadParameter("--key needs --url or --profile. Without them, the table is used.")
        return KeyTarget(stack, port, json)
    if stack or port:
        raise typer.BadParameter("--url and --profile call the API, --stack and --port name a table: give one of them.")
    return KeyTarget(None, None, json, Target(url, key, None, profile))


@app.command(cls=CommandWithScopes)
def create(
    *,
    scopes: Annotated[
        frozenset[str],
        typer.Option(parser=parse_scopes, metavar="SCOPE…", help=f"What the key may do: {', '.join(Scope)}."),
    ],
    tenant: Tenant = None,
    expires: Annotated[
        timedelta | None,
        typer.Option(parser=parse_lifetime, metavar="DURATION", help="90d, 12h, 30m, 1s. Default: never."),
    ] = None,
    rate: Annotated[
        Rate | None,
        typer.Option(parser=parse_rate, metavar="N/s", help="Requests per second (s), minute (m) or hour (h)."),
    ] = None,
    concurrency: Annotated[
        int | None,
        typer.Option(parser=integer_between(1, MAX_CONCURRENCY), metavar="N", help="Unfinished jobs at a time."),
    ] = None,
    name: Name = None,
    stack: Stack = None,
    port: Port = None,
    url: Url = None,
    key: Key = None,
    profile: Profile = None,
    json: Json = False,
) -> int:
    """Create a key and print it. It cannot be shown again."""
    target = _target(stack=stack, port=port, json=json, url=url, key=key, profile=profile)
    if target.service and tenant:
        raise typer.BadParameter("--tenant: the API creates keys for the tenant of its caller only.")
    if not target.service and not tenant:
        raise typer.BadParameter("--tenant is required, unless --url or --profile names a service.")
    from interlock_dev.commands import keys

    wanted = keys.NewKey(tenant, scopes, expires, rate, concurrency, name)
    keys.create(target, wanted)
    return 0


@app.command("list")
def list_(
    *,
    tenant: Annotated[
        str | None, typer.Option(parser=parse_tenant, metavar="TENANT", help="Only the keys of this tenant.")
    ] = None,
    stack: Stack = None,
    port: Port = None,
    url: Url = None,
    key: Key = None,
    profile: Profile = None,
    json: Json = False,
) -> int:
    """List keys, without the keys' secrets."""
    from interlock_dev.commands import keys

    keys.show(_target(stack=stack, port=port, json=json, url=url, key=key, profile=profile), tenant)
    return 0


@app.command()
def revoke(
    key_id: KeyId,
    *,
    stack: Stack = None,
    port: Port = None,
    url: Url = None,
    key: Key = None,
    profile: Profile = None,
    json: Json = False,
) -> int:
    """Revoke a key."""
    from interlock_dev.commands import keys

    keys.revoke(_target(stack=stack, port=port, json=json, url=url, key=key, profile=profile), key_id)
    return 0


@app.command()
def rotate(
    key_id: KeyId,
    *,
    overlap: Annotated[
        timedelta | None,
        typer.Option(
            parser=parse_duration, metavar="DURATION", help="How long the old key still works (1h); 0s ends it at once."
        ),
    ] = None,
    expires: Annotated[
        timedelta | None,
        typer.Option(
            parser=parse_lifetime, metavar="DURATION", help="Lifetime of the new key. Default: that of the old one."
        ),
    ] = None,
    stack: Stack = None,
    port: Port = None,
    json: Json = False,
) -> int:
    """Replace a key by a new one with the same rights; both work for a while. Not through the API."""
    from interlock_dev.commands import keys

    kept = DEFAULT_OVERLAP if overlap is None else overlap
    keys.rotate(KeyTarget(stack, port, json), key_id, overlap=kept, expires=expires)
    return 0
