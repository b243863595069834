"""The REST API's REQUEST authorizer: an API key or a bearer token to tenant, scopes and limits."""

from typing import Any

from interlock.composition.authorizer import AccessSettings, authorizer
from interlock.composition.core import Core, Settings

authorize = authorizer(Core(Settings.from_env()), AccessSettings.from_env())


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ARG001
    return authorize(event)
