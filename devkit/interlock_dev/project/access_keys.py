"""The access keys of the local AWS: one for the developer and one for each function, created at every start."""

import hashlib
import hmac
import secrets
from dataclasses import dataclass, field
from typing import Self

OWNER = "local"
"""The principal that may do everything: the devkit itself, the workflow, and the developer."""

_ID_LENGTH = 20


@dataclass(frozen=True, slots=True)
class AccessKey:
    """An access key id and its secret, as an AWS SDK takes them."""

    id: str
    secret: str = field(repr=False)

    @classmethod
    def create(cls) -> Self:
        """Return a random key."""
        return cls._of(secrets.token_bytes(32))

    def of_function(self, name: str) -> Self:
        """Derive the key of a function from the owner's, so that `interlock invoke` finds it on a running stack."""
        return self._of(hmac.digest(self.secret.encode(), name.encode(), hashlib.sha256))

    @classmethod
    def _of(cls, seed: bytes) -> Self:
        # The id is in every signed request, so it must not reveal the secret.
        identifier = hashlib.sha256(b"id" + seed).hexdigest()[: _ID_LENGTH - 4].upper()
        return cls(f"DEVK{identifier}", hashlib.sha256(b"secret" + seed).hexdigest())
