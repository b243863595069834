"""Work for long: in native code, in a child, until asked to end. Each tool reports the process ids of its work."""

import collections
import itertools
import os
import signal
import time
from pathlib import Path

from interlock.plugin import ToolContext

from .adversary import Adversary, Asked, Said, child, tell, tool

LONG_S = 60


def _work_in_c() -> None:
    """Run native code that never returns to the interpreter and blocks all other threads."""
    collections.deque(itertools.repeat(0), maxlen=0)


def _work_elsewhere() -> None:
    os.setsid()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(LONG_S)


class Lingering(Adversary):
    name, title = "lingering", "Works for long"

    @tool(timeout_s=LONG_S, memory_mb=256)
    def in_native_code(self, input: Asked, context: ToolContext) -> Said:
        tell(input.path, os.getpid())
        _work_in_c()
        return Said()

    @tool(timeout_s=LONG_S, memory_mb=256)
    def in_a_child(self, input: Asked, context: ToolContext) -> Said:
        pid = child(input.mark, _work_elsewhere)
        tell(input.path, os.getpid(), pid)
        os.waitpid(pid, 0)
        return Said()

    @tool(timeout_s=LONG_S, memory_mb=256)
    def in_native_code_of_a_child(self, input: Asked, context: ToolContext) -> Said:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        pid = child(input.mark, _work_in_c)
        tell(input.path, os.getpid(), pid)
        os.waitpid(pid, 0)
        return Said()

    @tool(timeout_s=LONG_S, memory_mb=256)
    def until_told(self, input: Asked, context: ToolContext) -> Said:
        """Run until the file `<path>.end` exists."""
        tell(input.path, os.getpid())
        end = Path(f"{input.path}.end")
        while not end.exists():
            time.sleep(0.001)
        return Said(text="told")

    @tool(timeout_s=LONG_S, memory_mb=256)
    def for_seconds(self, input: Asked, context: ToolContext) -> Said:
        """Run for `way` seconds."""
        time.sleep(float(input.way))
        return Said()

    @tool(timeout_s=LONG_S, memory_mb=256)
    def tells_progress_for_seconds(self, input: Asked, context: ToolContext) -> Said:
        """Report progress a hundred times a second."""
        until = time.monotonic() + float(input.way)
        while (left_s := until - time.monotonic()) > 0:
            context.progress(1 - left_s / float(input.way), f"{left_s:.2f} s left")
            time.sleep(0.01)
        return Said()
