"""`interlock bundle`: what support needs, in one file, without keys, inputs and results."""

from __future__ import annotations

import json
import platform
import re
import sys
from datetime import UTC, datetime
from importlib.metadata import distributions
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

import interlock
from interlock.domain.key_format import KEY_PATTERN
from interlock_client import Interlock, Job
from interlock_dev.commands.exits import Exit
from interlock_dev.commands.options import Target
from interlock_dev.commands.remote.output import console
from interlock_dev.commands.remote.status import status_document
from interlock_dev.commands.remote.target import Service, connect
from interlock_dev.project.errors import UsageError

_JOBS = 100
_FAILED = 10

_SECRETS = re.compile(rf"{KEY_PATTERN}|\b(?:AKIA|ASIA)[0-9A-Z]{{16}}\b|\bwhsec_[0-9A-Za-z+/=]+|X-Amz-[\w-]+=[^&\s\"]+")
"""API keys, ids of AWS access keys, secrets of webhooks, and the signature of presigned URLs."""


def write_bundle(target: Target, output: str | None, *, logs: bool) -> Exit:
    """Write the bundle. `logs`: with the events of failed jobs, which contain what plugins print. Raises
    `UsageError`."""
    path = Path(output or f"interlock-bundle-{datetime.now(UTC):%Y%m%d-%H%M%S}.zip")
    with connect(target) as (client, service):
        documents = _documents(client, service, logs=logs)
    try:
        with ZipFile(path, "x", ZIP_DEFLATED) as archive:
            for name, document in documents.items():
                archive.writestr(name, without_secrets(json.dumps(document, indent=1), service.key))
    except OSError as error:
        raise UsageError(f"{path} cannot be written ({error.strerror})") from None
    out = console()
    out.print(f"wrote {path}:")
    for name in documents:
        out.print(f"  {name}")
    console(stderr=True).print(
        "It has no keys, inputs or results, but messages of errors"
        + (" and log lines" if logs else "")
        + ": look through it before you send it.",
        style="dim",
    )
    return Exit.OK


def without_secrets(text: str, key: str | None) -> str:
    """Return a text without the secrets that can be recognized, and without the key in use."""
    text = _SECRETS.sub("[removed]", text)
    return text.replace(key, "[removed]") if key else text


def _documents(client: Interlock, service: Service, *, logs: bool) -> dict[str, Any]:
    failed = list(client.jobs(status=["failed", "timed_out"], limit=_FAILED))
    documents: dict[str, Any] = {
        "about.json": _about(service),
        "status.json": status_document(client, service),
        "plugins.json": client.plugins(),
        "jobs.json": [job.document for job in client.jobs(limit=_JOBS)],
        "failed.json": [job.document for job in failed],
    }
    if logs:
        documents["events.json"] = {job.id: _events(job) for job in failed}
    return documents


def _events(job: Job) -> list[Any]:
    return list(job.events(follow=False))


def _about(service: Service) -> dict[str, Any]:
    return {
        "created_at": datetime.now(UTC).isoformat(),
        "interlock": interlock.__version__,
        "service": service.url,
        "selected_by": service.origin,
        "python": sys.version,
        "platform": platform.platform(),
        "packages": {package.name: package.version for package in distributions()},
    }
