"""`guard.py PARENT_PID COMMAND...` becomes COMMAND, and ends with its parent.

Run as a script, without the development environment's packages. A stack that is ended by SIGKILL cannot end its
processes; the kernel ends them instead.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main(parent: int, command: list[str]) -> None:
    """Replace this process by the command. The kernel kills it when the thread that started this process ends."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    # The parent may have ended before.
    if os.getppid() == parent:
        os.execv(command[0], command)  # noqa: S606 - a list of our own, no shell


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
