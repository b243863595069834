"""End the process in every possible way, and other processes with it."""

import ctypes
import os
import resource
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

from interlock.plugin import ToolContext

from .adversary import ENOUGH_S, LIBC, Adversary, Asked, Said, tell, tool


def _exit_in_a_thread() -> None:
    threading.Thread(target=os._exit, args=(5,)).start()
    time.sleep(60)


def _out_of_processor_time() -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (1, 1))
    while True:
        pass


def _kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    time.sleep(60)


def _kill_group(group: int) -> None:
    os.killpg(group, signal.SIGKILL)
    time.sleep(60)


def _overflow_the_stack() -> None:
    # glibc's parser of regular expressions recurses for each parenthesis (REG_EXTENDED is 1).
    LIBC.regcomp(ctypes.create_string_buffer(256), b"(" * 10_000_000, 1)


WAYS: dict[str, Callable[[], object]] = {
    "os_exit": lambda: os._exit(3),
    "os_exit_0": lambda: os._exit(0),
    "c_exit": lambda: LIBC.exit(6),
    "exit_in_a_thread": _exit_in_a_thread,
    "abort": os.abort,
    "null_pointer": lambda: ctypes.string_at(0),
    "stack_overflow_in_c": _overflow_the_stack,
    "sigkill": lambda: _kill(os.getpid()),
    "sigterm_to_itself": lambda: os.kill(os.getpid(), signal.SIGTERM),
    "its_group": lambda: _kill_group(0),
    "processor_time": _out_of_processor_time,
    "becomes_another_program": lambda: os.execv("/bin/true", ["true"]),
}


class Dying(Adversary):
    name, title = "dying", "Dies"

    @tool(timeout_s=ENOUGH_S, memory_mb=256)
    def go(self, input: Asked, context: ToolContext) -> Said:
        WAYS[input.way]()
        return Said(text="alive")

    @tool(timeout_s=ENOUGH_S, memory_mb=256)
    def waits(self, input: Asked, context: ToolContext) -> Said:
        """Write the process id to `path` and wait to be killed, or for a file `<path>.end`."""
        tell(input.path, os.getpid())
        end = Path(f"{input.path}.end")
        while not end.exists():
            time.sleep(0.005)
        return Said(text="alive")
