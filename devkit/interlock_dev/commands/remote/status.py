"""`interlock status`: the service, its plugins and their counters, and the alarms of a deployed stack."""

from __future__ import annotations

from typing import Any

from interlock_client import Interlock
from interlock_dev.commands.exits import Exit
from interlock_dev.commands.options import Target
from interlock_dev.commands.remote.output import console, print_json, table, when
from interlock_dev.commands.remote.target import Service, connect

MAX_PLUGINS = 50
"""Maximum number of plugins whose counters are read, with one request each."""

_COUNTS = ("success_count", "error_count", "timed_out_count", "cancelled_count")
_TIMES = ("p50_ms", "p95_ms")


def show_status(target: Target, *, json: bool) -> Exit:
    """Print the state of the service. Raise `UsageError`."""
    with connect(target) as (interlock, service):
        document = status_document(interlock, service)
    if json:
        print_json(document)
        return Exit.OK
    out = console()
    out.print(f"{service.url} ({service.origin}): {document['status']}, version {document['version']}", style="bold")
    if "stack" in document:
        out.print(f"stack {service.stack}: {document['stack']}")
        out.print(table(("alarm", "state"), [(one["name"], one["state"]) for one in document["alarms"]]))
        out.print()
    columns = ("plugin", "state", "succeeded", "failed", "timed out", "cancelled", "p50 ms", "p95 ms", "last used", "")
    rows = [
        [
            one["name"],
            one["state"],
            *(one[name] for name in (*_COUNTS, *_TIMES)),
            when(one["last_used"]),
            one["reason"] or " ",
        ]
        for one in document["plugins"]
    ]
    out.print(table(columns, rows))
    if document["plugins_left_out"]:
        out.print(f"and {document['plugins_left_out']} plugins more: see `interlock plugins`", style="dim")
    return Exit.OK


def status_document(interlock: Interlock, service: Service) -> dict[str, Any]:
    """Return the state of the service as one document."""
    names = [plugin["name"] for plugin in interlock.plugins()]
    document: dict[str, Any] = {
        "url": service.url,
        **interlock.service_health(),
        "plugins": [interlock.health(name) for name in names[:MAX_PLUGINS]],
        "plugins_left_out": len(names[MAX_PLUGINS:]),
    }
    if service.stack:
        from interlock_dev.commands.remote.deployed import alarms, describe_stack

        document["stack"] = describe_stack(service.stack, service.region)["StackStatus"]
        document["alarms"] = alarms(service.stack, service.region)
    return document
