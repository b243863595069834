"""The arguments of `interlock keys`. Invalid ones are reported before AWS is called."""

import re
from datetime import timedelta
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer
from typer.core import TyperCommand

from interlock.domain.access import TENANT_PATTERN, Scope, is_tenant
from interlock.domain.rate import Rate
from interlock_dev.commands.options import KeyTarget
from interlock_dev.commands.values import MAX_PORT, integer_between

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_DURATION = re.compile(r"([0-9]{1,9})([smhdw])")
MAX_DURATION = timedelta(days=36_500)
MAX_NOTE = 200
MAX_CONCURRENCY = 10_000
DEFAULT_OVERLAP = timedelta(hours=1)


def parse_tenant(text: str) -> str:
    """Validate the name of a tenant."""
    if not is_tenant(text):
        raise typer.BadParameter(f"{text!r} is not the name of a tenant, which matches {TENANT_PATTERN}.")
    return text


def parse_scopes(text: str) -> frozenset[str]:
    """Parse scopes that are separated by commas or spaces."""
    words = text.replace(",", " ").split()
    unknown = [word for word in words if word not in list(Scope)]
    if unknown or not words:
        given = unknown[0] if unknown else text
        raise typer.BadParameter(f"{given!r} is not a scope. Known scopes: {', '.join(Scope)}.")
    return frozenset(words)


def parse_duration(text: str) -> timedelta:
    """Parse `90d`, `12h`, `30m`, `1s` or `2w`."""
    found = _DURATION.fullmatch(text)
    seconds = int(found[1]) * _SECONDS[found[2]] if found else MAX_DURATION.total_seconds() + 1
    if seconds > MAX_DURATION.total_seconds():
        raise typer.BadParameter(f"{text!r} is not a duration of up to 100 years. Write it as 90d, 12h, 30m or 1s.")
    return timedelta(seconds=seconds)


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


def parse_note(text: str) -> str:
    """Validate a note."""
    if len(text) > MAX_NOTE or not text.isprintable():
        raise typer.BadParameter(f"A note is one line of at most {MAX_NOTE} characters.")
    return text


def parse_local_url(text: str) -> int:
    """Return the port of a local stack's URL."""
    parts = urlsplit(text)
    if parts.hostname not in {"127.0.0.1", "localhost"} or not parts.port:
        raise typer.BadParameter(f"{text!r} is not the URL of a local stack. Name a deployed one with --stack.")
    return parts.port


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


Stack = Annotated[str | None, typer.Option(metavar="NAME", help="A deployed stack instead of the running local one.")]
Port = Annotated[
    int | None,
    typer.Option(
        parser=integer_between(1, MAX_PORT), metavar="PORT", help="The local stack on this port, if several run."
    ),
]
Url = Annotated[
    int | None,
    typer.Option("--url", parser=parse_local_url, metavar="URL", help="The same by its URL."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Note = Annotated[
    str | None, typer.Option(parser=parse_note, metavar="TEXT", help="A note that `interlock keys list` shows.")
]
KeyId = Annotated[str, typer.Argument(metavar="KEY_ID", help="The id that `interlock keys list` shows.")]

app = typer.Typer(name="keys", help="Create, list, revoke and rotate API keys.")


@app.command(cls=CommandWithScopes)
def create(
    *,
    tenant: Annotated[
        str, typer.Option(parser=parse_tenant, metavar="TENANT", help="The tenant that the key belongs to.")
    ],
    scopes: Annotated[
        frozenset[str],
        typer.Option(parser=parse_scopes, metavar="SCOPE…", help=f"What the key may do: {', '.join(Scope)}."),
    ],
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
    note: Note = None,
    stack: Stack = None,
    port: Port = None,
    url: Url = None,
    json: Json = False,
) -> int:
    """Create a key and print it. It cannot be shown again."""
    from interlock_dev.commands import keys

    keys.create(
        KeyTarget(stack, port or url, json),
        tenant=tenant,
        scopes=scopes,
        expires=expires,
        rate=rate,
        concurrency=concurrency,
        note=note,
    )
    return 0


@app.command("list")
def list_(
    tenant: Annotated[
        str | None, typer.Option(parser=parse_tenant, metavar="TENANT", help="Only the keys of this tenant.")
    ] = None,
    stack: Stack = None,
    port: Port = None,
    url: Url = None,
    json: Json = False,
) -> int:
    """List keys, without the keys' secrets."""
    from interlock_dev.commands import keys

    keys.show(KeyTarget(stack, port or url, json), tenant)
    return 0


@app.command()
def revoke(key_id: KeyId, stack: Stack = None, port: Port = None, url: Url = None, json: Json = False) -> int:
    """Revoke a key."""
    from interlock_dev.commands import keys

    keys.revoke(KeyTarget(stack, port or url, json), key_id)
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
    url: Url = None,
    json: Json = False,
) -> int:
    """Replace a key by a new one with the same rights; both work for a while."""
    from interlock_dev.commands import keys

    kept = DEFAULT_OVERLAP if overlap is None else overlap
    keys.rotate(KeyTarget(stack, port or url, json), key_id, overlap=kept, expires=expires)
    return 0
