"""Dies of everything that there is to die of, and takes others with it."""

import ctypes
import os
import resource
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

from interlock.plugin import ToolContext, tool

from .adversary import ENOUGH_S, LIBC, Adversary, Asked, Said


def _exit_in_a_thread() -> None:
    threading.Thread(target=os._exit, args=(5,)).start()
    time.sleep(60)


def _out_of_processor_time() -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (1, 1))
    while True:
        pass


def _parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


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
    "the_zygote": lambda: _kill(os.getppid()),
    "the_zygotes_group": lambda: _kill_group(os.getpgid(os.getppid())),
    "stops_the_zygote": lambda: os.kill(os.getppid(), signal.SIGSTOP),
    "the_runtime": lambda: _kill(_parent_of(os.getppid())),
}


class Dying(Adversary):
    name, title = "dying", "Dies"

    @tool(timeout_s=ENOUGH_S, memory_mb=256)
    def go(self, input: Asked, context: ToolContext) -> Said:
        """With a path, not before there is a file of that name."""
        while input.path and not Path(input.path).exists():
            time.sleep(0.005)
        WAYS[input.way]()
        return Said(text="alive")
