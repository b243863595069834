"""The service that a command calls: from its options, the environment, or the running local stack."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from interlock_client import (
    AuthenticationError,
    ConnectionFailed,
    Interlock,
    InterlockError,
    NotFoundError,
    PermissionDeniedError,
    PluginError,
    Retries,
    ServiceError,
    ThrottlingError,
    TransferFailed,
    UnexpectedResponse,
    ValidationError,
)
from interlock_client.errors import ExecutionError
from interlock_dev.commands.exits import CommandFailed, Exit
from interlock_dev.commands.options import Target
from interlock_dev.commands.remote.output import printable
from interlock_dev.commands.remote.profiles import profile
from interlock_dev.project.errors import UsageError
from interlock_dev.project.paths import Project, RunningStack

RETRIES = Retries(attempts=4)


@dataclass(frozen=True, slots=True)
class Service:
    """A service to call. `stack` is its CloudFormation stack, if the service was selected by its stack."""

    url: str
    key: str | None
    origin: str
    stack: str | None = None
    region: str | None = None


def resolve(target: Target, environment: Mapping[str, str] = os.environ) -> Service:
    """Return the service that the options select. Raise `UsageError`."""
    given = [option for option in ("url", "stack", "profile") if getattr(target, option)]
    if len(given) > 1:
        raise UsageError(f"--{given[0]} and --{given[1]} both select a service: give one of them")
    key = target.key or environment.get("INTERLOCK_API_KEY")
    if target.profile:
        chosen = profile(target.profile)
        key = target.key or chosen.key or key
        if chosen.url:
            return Service(_checked(chosen.url), key, f"profile {target.profile}")
        return _deployed(chosen.stack or "", chosen.region, key)
    if target.stack:
        return _deployed(target.stack, None, key)
    url = target.url or environment.get("INTERLOCK_URL")
    if url:
        local = _local(url)
        return Service(
            _checked(url), key or (local.api_key if local else None), "--url" if target.url else "INTERLOCK_URL"
        )
    running = _running(None)
    if running is None:
        raise CommandFailed(
            "no local stack runs: start one with `interlock dev`, or name a service with --url, --stack or --profile",
            Exit.UNREACHABLE,
        )
    return Service(running.url, target.key or running.api_key, "the local stack")


@contextmanager
def connect(target: Target, retries: Retries = RETRIES) -> Iterator[tuple[Interlock, Service]]:
    """Open a client of the service that the options select. Errors in the body become `CommandFailed`."""
    service = resolve(target)
    with service_errors(service), Interlock(service.url, service.key, retries=retries) as interlock:
        yield interlock, service


@contextmanager
def service_errors(service: Service) -> Iterator[None]:
    """Raise `CommandFailed` with one line and an exit status for an error of the client."""
    try:
        yield
    except InterlockError as error:
        line = " ".join(printable(_message(error, service)).split())
        raise CommandFailed(line, status_of(error)) from error


def status_of(error: InterlockError) -> Exit:
    """Return the exit status for an error."""
    match error:
        case PluginError() | ExecutionError():
            return Exit.TOOL_FAILED
        case ValidationError():
            return Exit.USAGE
        case ConnectionFailed() | UnexpectedResponse() | TransferFailed() | ServiceError() | ThrottlingError():
            return Exit.UNREACHABLE
        case _:
            return Exit.REFUSED


def _message(error: InterlockError, service: Service) -> str:
    said = error.message.rstrip(".")
    match error:
        case ConnectionFailed():
            text = f"{service.url} (from {service.origin}) does not respond: check the URL, and that the service runs"
        case UnexpectedResponse():
            text = f"{service.url} is not Interlock: {said}"
        case AuthenticationError() if not service.key:
            text = f"{service.url} needs an API key: set INTERLOCK_API_KEY, or use --key or --profile"
        case AuthenticationError():
            text = f"{said}: create a key with `interlock keys create`"
        case PermissionDeniedError():
            text = f"{said}: create a key that has it with `interlock keys create --scopes …`"
        case NotFoundError():
            text = f"{said}: see `interlock jobs`, `batch list`, `plugins` and `keys list`"
        case ValidationError() if error.errors:
            text = "; ".join(f"{problem['path'] or 'the input'} {problem['message']}" for problem in error.errors)
        case _:
            text = f"{error.code}: {said}" + (f" (job {error.job_id})" if error.job_id else "")
    return text


def _deployed(stack: str, region: str | None, key: str | None) -> Service:
    from interlock_dev.commands.remote.deployed import output

    return Service(output(stack, "Url", region), key, f"stack {stack}", stack, region)


def _running(port: int | None) -> RunningStack | None:
    try:
        project = Project.find(Path.cwd())
    except UsageError:  # outside of a project, there is no local stack to find
        return None
    return project.running(port)


def _local(url: str) -> RunningStack | None:
    """Return the running local stack with this URL."""
    try:
        found = _running(urlsplit(url).port)
    except ValueError:
        return None
    return found if found and found.url == url.rstrip("/") else None


def _checked(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise UsageError(f"{url!r} is not the URL of a service, such as https://…/prod")
    return url.rstrip("/")
