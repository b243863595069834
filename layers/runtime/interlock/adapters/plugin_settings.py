"""The settings of plugins, from Secrets Manager or the Parameter Store: one JSON object with an object per plugin.

They are read when a plugin that declares settings is loaded, and again after some minutes, so that a rotated secret
reaches the plugin without a deployment.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from interlock.adapters import aws
from interlock.domain.errors import PluginUnavailable

if TYPE_CHECKING:
    from botocore.client import BaseClient

REREAD_S = 300.0

_REFUSALS = frozenset(
    {
        *("AccessDeniedException", "DecryptionFailure", "InvalidKeyId", "InvalidRequestException"),
        *("ParameterNotFound", "ResourceNotFoundException", "ValidationException"),
    }
)
"""Error codes for which a retry does not help."""


class PluginSettings:
    """The settings of all plugins. `source` is `secretsmanager`, `ssm`, `none`, or the JSON text itself.

    The secret is called `STACK/plugins`, the parameter `/STACK/plugins`.
    """

    def __init__(
        self,
        source: str,
        stack: str,
        *,
        client: Callable[[str], BaseClient] = aws.client,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._source = source
        self._stack = stack
        self._client = client
        self._clock = clock
        self._read: tuple[float, Mapping[str, Any]] | None = None

    def of(self, plugin: str) -> Mapping[str, Any]:
        """Return the values for a plugin, by setting. Raise `PluginUnavailable` if they are missing, forbidden or not
        valid, so that a retry does not help, and `ServiceUnavailable` if the service is down."""
        if self._read is None or self._clock() - self._read[0] >= REREAD_S:
            self._read = self._clock(), self._parsed(self._text())
        values = self._read[1].get(plugin, {})
        if not isinstance(values, dict):
            raise _unavailable(f"the settings of {plugin!r} are not a JSON object")
        return values

    def _text(self) -> str:
        try:
            with aws.translated(self._source):
                return self._fetch()
        except _Refused as refused:
            raise _unavailable(f"its settings cannot be read ({refused.code})") from None

    def _fetch(self) -> str:
        try:
            if self._source == "secretsmanager":
                secret: Any = self._client("secretsmanager")
                return str(secret.get_secret_value(SecretId=f"{self._stack}/plugins")["SecretString"])
            if self._source == "ssm":
                store: Any = self._client("ssm")
                found = store.get_parameter(Name=f"/{self._stack}/plugins", WithDecryption=True)
                return str(found["Parameter"]["Value"])
        except ClientError as error:
            if aws.error_code(error) in _REFUSALS:
                raise _Refused(aws.error_code(error)) from None
            raise
        return "{}" if self._source == "none" else self._source

    def _parsed(self, text: str) -> Mapping[str, Any]:
        try:
            parsed = json.loads(text)
        except ValueError:
            parsed = None
        if not isinstance(parsed, dict):
            raise _unavailable("its settings are not a JSON object")  # without the text, which has secrets
        return parsed


class _Refused(Exception):
    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def _unavailable(reason: str) -> PluginUnavailable:
    return PluginUnavailable(f"The plugin could not be loaded: {reason}.", reason=reason)
