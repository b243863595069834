"""The arguments of `interlock keys`: each bad one is told by its flag, before anything is looked up."""

import argparse
import re
from datetime import timedelta

from interlock.domain.access import TENANT_PATTERN, Scope, is_tenant
from interlock.domain.rate import Rate

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_DURATION = re.compile(r"([0-9]{1,9})([smhdw])")
MAX_DURATION = timedelta(days=36_500)
MAX_NOTE = 200
MAX_CONCURRENCY = 10_000


def add_actions(parser: argparse.ArgumentParser) -> None:
    """Adds create, list, revoke and rotate."""
    actions = parser.add_subparsers(required=True, metavar="ACTION", dest="action")

    def action(name: str, purpose: str) -> argparse.ArgumentParser:
        added = actions.add_parser(name, help=purpose, description=f"{purpose[0].upper()}{purpose[1:]}.")
        added.add_argument("--stack", metavar="NAME", help="a deployed stack; else the local one that runs")
        added.add_argument("--json", action="store_true", help="prints JSON")
        return added

    _add_create(action("create", "makes a key and shows it, this once"))
    _add_list(action("list", "lists keys without showing any"))
    revoke = action("revoke", "ends a key")
    revoke.add_argument("key_id", metavar="KEY_ID", help="the id, as `list` shows it")
    _add_rotate(action("rotate", "replaces a key by a new one with the same rights; both work for a while"))


def _add_create(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--tenant", type=tenant, required=True, help="whose jobs the key makes and sees")
    parser.add_argument(
        "--scopes", type=scopes, nargs="+", required=True, metavar="SCOPE", action=_Scopes,
        help=f"what it may do: {', '.join(Scope)}",
    )  # fmt: skip
    parser.add_argument("--expires", type=lifetime, metavar="DURATION", help="90d, 12h, 30m, 1s; else never")
    parser.add_argument("--rate", type=rate, metavar="N/s", help="requests per second (s), minute (m) or hour (h)")
    parser.add_argument("--concurrency", type=concurrency, metavar="N", help="unfinished jobs at a time")
    parser.add_argument("--note", type=note, help="for whoever lists the keys")


def _add_list(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--tenant", type=tenant, help="the keys of this tenant alone")


def _add_rotate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("key_id", metavar="KEY_ID", help="the id, as `list` shows it")
    parser.add_argument(
        "--overlap", type=duration, default=timedelta(hours=1), metavar="DURATION",
        help="for how long the old key works on (1h); 0s ends it at once",
    )  # fmt: skip
    parser.add_argument(
        "--expires", type=lifetime, metavar="DURATION", help="of the new key; else for as long as the old one was made"
    )


class _Scopes(argparse.Action):
    """Several words, and several in each of them."""

    def __call__(self, _parser: object, namespace: argparse.Namespace, values: object, _option: object = None) -> None:
        groups: list[frozenset[str]] = values if isinstance(values, list) else []
        namespace.scopes = frozenset().union(*groups)


def tenant(text: str) -> str:
    if not is_tenant(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no name of a tenant, which is {TENANT_PATTERN}")
    return text


def scopes(text: str) -> frozenset[str]:
    """Scopes with commas or spaces between them."""
    words = text.replace(",", " ").split()
    unknown = [word for word in words if word not in list(Scope)]
    if unknown or not words:
        given = unknown[0] if unknown else text
        raise argparse.ArgumentTypeError(f"{given!r} is no scope. There are: {', '.join(Scope)}")
    return frozenset(words)


def duration(text: str) -> timedelta:
    """`90d`, `12h`, `30m`, `1s`, `2w`."""
    found = _DURATION.fullmatch(text)
    seconds = int(found[1]) * _SECONDS[found[2]] if found else MAX_DURATION.total_seconds() + 1
    if seconds > MAX_DURATION.total_seconds():
        raise argparse.ArgumentTypeError(f"{text!r} is no duration of up to 100 years: write it as 90d, 12h, 30m or 1s")
    return timedelta(seconds=seconds)


def lifetime(text: str) -> timedelta:
    """A duration that is not empty."""
    found = duration(text)
    if not found:
        raise argparse.ArgumentTypeError(f"{text!r} would end the key at once")
    return found


def rate(text: str) -> Rate:
    try:
        return Rate.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def concurrency(text: str) -> int:
    if not (re.fullmatch("[0-9]{1,5}", text) and 1 <= int(text) <= MAX_CONCURRENCY):
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1 to {MAX_CONCURRENCY}")
    return int(text)


def note(text: str) -> str:
    if len(text) > MAX_NOTE or not text.isprintable():
        raise argparse.ArgumentTypeError(f"must be one line of at most {MAX_NOTE} characters")
    return text
