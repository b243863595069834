"""IAM of the local stack: reject a function's calls to AWS unless the template's policies allow them.

moto's enforcement cannot be used: it ignores conditions, treats `TransactWriteItems` as an action, and rejects
presigned requests. Only the kind of statement that the template has is supported: `Allow` with actions, resources and
leading keys. Any other statement is an error at the start, since it could be applied wrongly.
"""

import io
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from interlock_dev.aws.errors import refuse
from interlock_dev.aws.iam.calls import Need, needs
from interlock_dev.aws.iam.signatures import PRINCIPAL
from interlock_dev.project.errors import UsageError
from interlock_dev.project.http_server import Wsgi

_LEADING_KEYS = {"ForAllValues:StringLike": "dynamodb:LeadingKeys"}


@dataclass(frozen=True, slots=True)
class Statement:
    """A policy statement with patterns of `*` and `?`. `leading_keys` None allows any keys."""

    actions: tuple[str, ...]
    resources: tuple[str, ...]
    leading_keys: tuple[str, ...] | None = None

    def allows(self, need: Need) -> bool:
        return (
            _matches(need.action, self.actions)
            and _matches(need.resource, self.resources)
            and (self.leading_keys is None or all(_matches(key, self.leading_keys) for key in need.leading_keys))
        )


def _matches(text: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(text, pattern) for pattern in patterns)


def statements(function: str, policies: Sequence[Any]) -> tuple[Statement, ...]:
    """Parse a function's `Policies`. Raise `UsageError` for unsupported ones."""
    found: list[Statement] = []
    for policy in policies:
        if not isinstance(policy, Mapping) or set(policy) - {"Version"} != {"Statement"}:
            raise UsageError(f"{function}: the local stack supports only policies with statements, not {policy!r}")
        found.extend(_statement(function, one) for one in policy["Statement"] if not _is_about_networks(one))
    return tuple(found)


def _is_about_networks(one: Mapping[str, Any]) -> bool:
    """Return whether a statement denies actions of EC2 alone, which is not emulated."""
    return one.get("Effect") == "Deny" and all(action.startswith("ec2:") for action in _listed(one["Action"]))


def _statement(function: str, one: Mapping[str, Any]) -> Statement:
    condition = one.get("Condition", {})
    if set(one) - {"Sid", "Condition"} != {"Effect", "Action", "Resource"} or one["Effect"] != "Allow":
        raise UsageError(
            f"{function}: the local stack supports only statements that allow actions on resources, not {one!r}"
        )
    if {operator: key for operator, keys in condition.items() for key in keys} not in ({}, _LEADING_KEYS):
        raise UsageError(f"{function}: the local stack supports only the condition {_LEADING_KEYS}, not {condition!r}")
    keys = [value for keys in condition.values() for value in keys.values()]
    return Statement(_listed(one["Action"]), _listed(one["Resource"]), _listed(keys[0]) if keys else None)


def _listed(value: str | Sequence[str]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


class Iam:
    """WSGI middleware behind `Signatures`. `policies` maps functions to statements; other callers may do everything."""

    def __init__(self, app: Wsgi, policies: Mapping[str, Sequence[Statement]]) -> None:
        self._app = app
        self._policies = policies

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        function = environ[PRINCIPAL]
        if function not in self._policies:
            return self._app(environ, start_response)
        body = b""
        if "HTTP_X_AMZ_TARGET" in environ:
            body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            environ["wsgi.input"] = io.BytesIO(body)
        for need in _needs(environ, body):
            if not any(statement.allows(need) for statement in self._policies[function]):
                return _refuse(function, need, environ, start_response)
        return self._app(environ, start_response)


def _needs(environ: Mapping[str, Any], body: bytes) -> list[Need]:
    path = environ.get("RAW_URI") or environ["PATH_INFO"]
    return needs(
        environ["REQUEST_METHOD"],
        path.partition("?")[0],
        environ.get("QUERY_STRING", ""),
        environ.get("HTTP_X_AMZ_TARGET", ""),
        body,
    )


def _refuse(
    function: str, need: Need, environ: Mapping[str, Any], start_response: Callable[..., Any]
) -> Iterable[bytes]:
    """Answer with AWS's error, and log it: the function's 503 would not tell the developer why."""
    on = f"{need.resource} {sorted(need.leading_keys)}" if need.leading_keys else need.resource
    message = f"User: {function} is not authorized to perform: {need.action} on resource: {on}"
    sys.stderr.write(f"interlock: {message}. Its Policies in the template say what it may do\n")
    return refuse(environ, start_response, "AccessDeniedException", message)
