"""The secrets that sign a tenant's webhooks."""

import base64
import secrets
from datetime import datetime, timedelta
from typing import Self

from msgspec import Struct

PREFIX = "whsec_"
_RANDOM_BYTES = 32

ROTATION = timedelta(hours=24)
"""How long a replaced secret still signs messages, in addition to the current one."""

MAX_PREVIOUS = 4
"""Maximum number of replaced secrets that still sign. If there are more, the oldest are dropped."""


class ReplacedSecret(Struct, frozen=True):
    """A replaced secret, and the time until which it still signs."""

    secret: str
    expires_at: datetime


class SigningSecrets(Struct, frozen=True):
    """The current secret of a tenant, and those that it has replaced, the latest first."""

    current: str
    created_at: datetime
    previous: tuple[ReplacedSecret, ...] = ()

    @classmethod
    def new(cls, now: datetime) -> Self:
        return cls(_generated(), now)

    def rotated(self, now: datetime) -> Self:
        """Return a new secret that replaces the current one."""
        replaced = ReplacedSecret(self.current, now + ROTATION)
        return type(self)(_generated(), now, (replaced, *self.valid_previous(now))[:MAX_PREVIOUS])

    def valid_previous(self, now: datetime) -> tuple[ReplacedSecret, ...]:
        """Return the replaced secrets that still sign."""
        return tuple(one for one in self.previous if one.expires_at > now)

    def signing(self, now: datetime) -> tuple[str, ...]:
        """Return the secrets that sign a message now, the current one first."""
        return (self.current, *(one.secret for one in self.valid_previous(now)))


def _generated() -> str:
    return PREFIX + base64.b64encode(secrets.token_bytes(_RANDOM_BYTES)).decode()
