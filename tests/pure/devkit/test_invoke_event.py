"""`interlock invoke` refuses an event that API Gateway would not send to a function behind it."""

from typing import Any

import pytest

from interlock_dev.commands.invoke import _check_event
from interlock_dev.project.errors import UsageError


@pytest.mark.parametrize(
    ("event", "missing"),
    [({}, "httpMethod"), ([], "httpMethod"), (None, "httpMethod"), ({"httpMethod": "GET"}, "path")],
)
def test_first_missing_field_is_named(event: Any, missing: str) -> None:
    with pytest.raises(UsageError, match=f"^event.json is not .* JobsFunction expects: '{missing}' is missing$"):
        _check_event("event.json", event, "JobsFunction", ("httpMethod", "path"))
