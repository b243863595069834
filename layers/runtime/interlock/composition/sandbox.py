"""The sandbox of the functions that run tools. It imports little, so that a function can start it before all else."""

import os
from collections.abc import Mapping
from ipaddress import ip_address
from urllib.parse import urlsplit

from interlock.sandbox import Sandbox

TARGET, LOADER = "interlock.tools.tool_runner:serve", "interlock.tools.worker_plugin:load"
WRITABLE = "INTERLOCK_WRITABLE_FOLDERS"
"""The environment variable with the folders that all tools may write to, separated by commas."""

PRELOAD = ("interlock.plugin_settings", "interlock.tools.tool_runner")


def start_sandbox() -> Sandbox:
    """Start the sandbox without waiting for it. Call it before the other imports of a function, which then overlap with
    those of the zygote."""
    folders = os.environ.get(WRITABLE, "")
    sandbox = Sandbox(
        TARGET,
        loader=LOADER,
        preload=PRELOAD,
        closed_ports=closed_ports(os.environ),
        writable=[folder for folder in folders.split(",") if folder],
    )
    sandbox.start()
    return sandbox


def closed_ports(environ: Mapping[str, str]) -> list[int]:
    """Return the TCP ports that no tool may connect to: the Lambda Runtime API, which hands out the current request
    without asking for credentials, the source of the function's credentials with SnapStart, and the AWS endpoint of the
    local stack."""
    names = "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_ENDPOINT_URL"
    urls = [f"http://{environ.get('AWS_LAMBDA_RUNTIME_API', '')}", *(environ.get(name, "") for name in names)]
    parts = [urlsplit(url) for url in urls]
    return list(dict.fromkeys(part.port for part in parts if part.port and _is_local(part.hostname or "")))


def _is_local(host: str) -> bool:
    """Return whether a host is this machine. Only local ports are closed, because a rule holds for every host."""
    try:
        address = ip_address(host)
    except ValueError:
        return host == "localhost"
    return address.is_loopback or address.is_link_local
