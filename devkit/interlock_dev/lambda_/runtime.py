"""`runtime.py HANDLER` serves a handler under the emulator, as `python -m awslambdaric HANDLER` does on Lambda.

Run as a script, and without imports from the devkit: with `--built` nothing of the development environment can be
imported here.
"""

import ctypes
import gc
import os
import signal
import sys
from pathlib import Path
from typing import Any

WARM_UP = b'{"interlock-dev":"warm-up"}'
"""The event of a warm-up. The emulator starts the runtime with its first invocation; a warm-up does not reach the
handler."""

_PR_SET_PDEATHSIG = 1

_NOT_IN_THE_LAYERS = ("awscrt", "OpenSSL")
"""Packages of SAM CLI that botocore and urllib3 import if they can, which takes a fifth of a function's start."""


def main(handler: str) -> None:
    """Serve the handler until the emulator ends."""
    # A busy runtime does not notice that its emulator is gone. If the emulator ended before this call, the runtime's
    # first request to it fails.
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    modules: dict[str, Any] = sys.modules
    # A module that is None cannot be imported.
    modules.update(dict.fromkeys(_NOT_IN_THE_LAYERS))
    # Imported modules stay until the end. Searching them for garbage would take a tenth of the function's start.
    gc.disable()
    if sys.flags.no_site:
        _add_site_builtins()

    from awslambdaric import bootstrap  # noqa: PLC0415 - the emulator's program has no need of it
    from awslambdaric.lambda_config import LambdaConfigProvider  # noqa: PLC0415
    from awslambdaric.lambda_runtime_client import LambdaRuntimeClient  # noqa: PLC0415

    class Client(LambdaRuntimeClient):  # type: ignore[misc]  # awslambdaric has no types
        """AWS's client, which answers warm-ups itself."""

        def wait_next_invocation(self) -> object:
            if not gc.isenabled():
                gc.freeze()
                gc.enable()
            while True:
                request = super().wait_next_invocation()
                if bytes(request.event_body) != WARM_UP:
                    _forget_changed_index()
                    return request
                self.post_invocation_result(request.invoke_id, b"null")

    config = LambdaConfigProvider([__file__, handler])
    bootstrap.run(config.handler, Client(config.api_address, config.use_thread_polling))


_index_seen: list[int] = []


def _forget_changed_index() -> None:
    """Let the function read the plugin index again if it was updated: a plugin was edited."""
    index = sys.modules.get("interlock.plugins.index")
    if index is None:
        return
    try:
        seen = Path(os.environ.get("INTERLOCK_PLUGIN_INDEX", ""), "index.json").stat().st_mtime_ns
    except OSError:
        return
    if _index_seen != [seen]:
        _index_seen[:] = [seen]
        index.open_index().forget()


def _add_site_builtins() -> None:
    """Define `exit` and similar built-ins, which Lambda's interpreter has and the option `-S` leaves out."""
    import site  # noqa: PLC0415 - not wanted on the path that AWS has it on

    site.setquit()
    site.setcopyright()
    site.sethelper()


if __name__ == "__main__":
    main(sys.argv[1])
