"""The settings of plugins: what a plugin's model asks for, and the values that the operator stores."""

import json
from collections.abc import Collection, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from interlock.domain.manifest import SettingManifest
from interlock.plugin import Plugin


class InvalidSettings(Exception):
    """The plugin's settings are missing or not valid. The message names them, and never a value."""


def configure(plugin: Plugin, values: Mapping[str, Any]) -> None:
    """Set `config` from the operator's values, before `setup()`. Raise `InvalidSettings`."""
    if plugin.settings is None:
        return
    try:
        plugin.config = plugin.settings.model_validate(values)
    except ValidationError as error:
        secret = {one.name for one in setting_manifests(plugin.settings) if one.secret}
        raise InvalidSettings(_problem_of_settings(error, secret)) from None


def _problem_of_settings(error: ValidationError, secret: Collection[str]) -> str:
    problems = []
    for one in error.errors(include_url=False, include_context=False, include_input=False):
        name = ".".join(map(str, one["loc"]))
        if one["type"] == "missing":
            problems.append(f"needs the setting {name!r}: not set")
        elif str(one["loc"][:1] and one["loc"][0]) in secret:
            problems.append(f"the setting {name!r} is not valid")  # a message may quote the value
        else:
            problems.append(f"the setting {name!r} is not valid: {one['msg']}")
    return "; ".join(problems)


def setting_manifests(model: type[BaseModel]) -> tuple[SettingManifest, ...]:
    """Return the settings as a manifest describes them: with names and types, without values."""
    schema = model.model_json_schema()
    return tuple(
        SettingManifest(
            name=name,
            type=str(one.get("type", "any")),
            description=str(one.get("description", "")),
            required=name in schema.get("required", ()),
            secret="writeOnly" in json.dumps(one),
        )
        for name, one in schema.get("properties", {}).items()
    )
