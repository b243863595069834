"""SnapStart: what execution environments that are restored from one snapshot must not share.

Lambda restores any number of environments from the snapshot of one started function. Without renewal they would have
one worker id, the credentials and connections of the snapshot, and the same random numbers. The application is composed
again after a restore, instead of renewing single attributes of its parts.

These stay as they were: imported modules, manifests of plugins, the SDK's descriptions of services, and the zygote with
its imports. It is copied together with this process, holds nothing of a run, and Python seeds `random` in each worker
process that it forks. Job ids, secrets and tokens of runs are from the kernel, whose generator Lambda renews.
https://docs.aws.amazon.com/lambda/latest/dg/snapstart-uniqueness.html
"""

import os
import random
import ssl
from collections.abc import Callable

from interlock.adapters import aws

_INITIALIZATION = "AWS_LAMBDA_INITIALIZATION_TYPE"
_SEED_BYTES = 32


class Restorable[App]:
    """An application that is composed now and again after each restore. `current` is the one to use.

    `before_snapshot` is called when the function has started and its snapshot is about to be taken.
    """

    def __init__(self, compose: Callable[[], App], *, before_snapshot: Callable[[], None] | None = None) -> None:
        self._compose = compose
        self.current = compose()
        if os.environ.get(_INITIALIZATION) != "snap-start":
            return
        # Part of Lambda's managed runtime. If it is missing there, publishing the version fails.
        import snapshot_restore_py as hooks  # noqa: PLC0415

        if before_snapshot is not None:
            hooks.register_before_snapshot(before_snapshot)
        hooks.register_after_restore(self._compose_again)

    def _compose_again(self) -> None:
        random.seed()
        ssl.RAND_add(os.urandom(_SEED_BYTES), _SEED_BYTES)
        aws.renew_session()
        self.current = self._compose()
