"""The REST API's REQUEST authorizer: returns the tenant, scopes and limits of an API key or a bearer token."""

from typing import Any

from interlock.composition.authorizer import AuthorizerSettings, authorizer
from interlock.composition.core import Core
from interlock.composition.snapshots import Restorable

authorize = Restorable(lambda: authorizer(Core.from_env(), AuthorizerSettings.from_env()))


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ARG001
    return authorize.current(event)
