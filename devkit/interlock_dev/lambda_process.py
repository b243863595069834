"""The first and the last program of an execution environment. Run as a script, and by itself: with `--built` nothing
of the development environment is importable here.

    lambda_process.py guard PARENT_PID COMMAND...   becomes COMMAND
    lambda_process.py runtime HANDLER               serves the handler, as `python -m awslambdaric HANDLER` does

Both have the kernel end them with their parent. A busy runtime does not notice that its emulator is gone, and the
emulator not that the stack is, so a stack that is ended by SIGKILL would leave them running.
"""

import ctypes
import os
import signal
import sys

WARM_UP = b'{"interlock-dev":"warm-up"}'
"""The emulator starts the runtime with its first invocation. This one starts it without reaching the handler."""

_PR_SET_PDEATHSIG = 1


def die_with_parent() -> None:
    """Asks for SIGKILL when the thread that made this process ends. Outlives exec."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def run_guarded(parent: int, command: list[str]) -> None:
    die_with_parent()
    # It may have ended before it was asked.
    if os.getppid() == parent:
        os.execv(command[0], command)  # noqa: S606 - a list of our own, no shell


def run_runtime(handler: str) -> None:
    # An emulator that has ended before this is noticed: the runtime's first question is to it.
    die_with_parent()
    if sys.flags.no_site:
        _add_site_builtins()

    from awslambdaric import bootstrap  # noqa: PLC0415 - the emulator's program has no need of it
    from awslambdaric.lambda_config import LambdaConfigProvider  # noqa: PLC0415
    from awslambdaric.lambda_runtime_client import LambdaRuntimeClient  # noqa: PLC0415

    class Client(LambdaRuntimeClient):  # type: ignore[misc]  # awslambdaric has no types
        """AWS's client, which answers warm-ups itself."""

        def wait_next_invocation(self) -> object:
            while True:
                request = super().wait_next_invocation()
                if bytes(request.event_body) != WARM_UP:
                    return request
                self.post_invocation_result(request.invoke_id, b"null")

    config = LambdaConfigProvider([__file__, handler])
    bootstrap.run(config.handler, Client(config.api_address, config.use_thread_polling))


def _add_site_builtins() -> None:
    """`exit` and its like, which Lambda's interpreter has and `-S` takes away with site-packages."""
    import site  # noqa: PLC0415 - not wanted on the path that AWS has it on

    site.setquit()
    site.setcopyright()
    site.sethelper()


if __name__ == "__main__":
    if sys.argv[1] == "guard":
        run_guarded(int(sys.argv[2]), sys.argv[3:])
    else:
        run_runtime(sys.argv[2])
