"""The secrets that sign a tenant's webhooks: created at the first use, and rotated."""

from interlock.domain.webhook_secret import SigningSecrets
from interlock.ports import Clock
from interlock.webhook_ports import SigningSecretStore


class Signing:
    """Reads and rotates secrets."""

    def __init__(self, store: SigningSecretStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def secrets(self, tenant: str) -> SigningSecrets:
        """Return the secrets of a tenant."""
        return self._store.get(tenant) or self._store.replace(tenant, None, SigningSecrets.new(self._clock()))

    def rotate(self, tenant: str) -> SigningSecrets:
        """Replace the secret. Of two rotations at the same time one takes place, and both return it."""
        before = self.secrets(tenant)
        return self._store.replace(tenant, before, before.rotated(self._clock()))
