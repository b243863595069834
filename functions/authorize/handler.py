"""The REST API's REQUEST authorizer: an API key to tenant and scopes."""

from typing import Any

from interlock.bootstrap import Core, Settings
from interlock.http.authorizer import decision

core = Core(Settings.from_env())


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ARG001
    return decision(event, core.keys, core.clock)
