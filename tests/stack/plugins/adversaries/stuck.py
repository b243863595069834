"""Never return, in several ways."""

import collections
import contextlib
import ctypes
import itertools
import logging
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable

from interlock.plugin import Cancelled, ToolContext

from .adversary import ENOUGH_S, Adversary, Asked, Said, child, tool


def _loop() -> None:
    while True:
        pass


def _swallow_cancelled() -> None:
    while True:
        try:
            time.sleep(60)
        except Cancelled:
            continue


def _ignore_sigterm() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(60)


def _block_sigterm() -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    time.sleep(60)


def _clean_up_for_ever() -> None:
    try:
        time.sleep(60)
    finally:
        time.sleep(60)


def _lock_twice() -> None:
    """Cause a deadlock in native code that holds the interpreter lock."""
    mutex = ctypes.create_string_buffer(64)
    python = ctypes.PyDLL(None)
    python.pthread_mutex_lock(mutex)
    python.pthread_mutex_lock(mutex)


def _answer_late() -> None:
    with contextlib.suppress(Cancelled):
        time.sleep(60)


def _leave_the_lock_of_logging() -> None:
    thread = threading.Thread(target=logging._lock.acquire)  # type: ignore[attr-defined]
    thread.start()
    thread.join()
    logging.getLogger("adversary").addHandler(logging.StreamHandler())


WAYS: dict[str, Callable[[], object]] = {
    "sleeps": lambda: time.sleep(60),
    "python_loop": _loop,
    "loop_in_c": lambda: collections.deque(itertools.repeat(0), maxlen=0),
    "deadlock_in_c": _lock_twice,
    "regular_expression": lambda: re.match(r"(a+)+$", "a" * 60 + "b"),
    "swallows_cancelled": _swallow_cancelled,
    "ignores_sigterm": _ignore_sigterm,
    "blocks_sigterm": _block_sigterm,
    "cleans_up_for_ever": _clean_up_for_ever,
    "answers_late": _answer_late,
    "stops_itself": lambda: os.kill(os.getpid(), signal.SIGSTOP),
    "becomes_another_program": lambda: os.execv("/bin/sleep", ["sleep", "600"]),
    "lock_of_logging": _leave_the_lock_of_logging,
    "lock_of_its_own": lambda: [lock := threading.Lock(), lock.acquire(), lock.acquire()],
    "answer_pipe_replaced": lambda: os.dup2(os.open(os.devnull, os.O_WRONLY), 4),
}


class Stuck(Adversary):
    name, title = "stuck", "Never comes back"

    @tool(timeout_s=1, memory_mb=256)
    def go(self, input: Asked, context: ToolContext) -> Said:
        WAYS[input.way]()
        return Said(text="done")

    @tool(timeout_s=1, memory_mb=256)
    def waits_for_a_child(self, input: Asked, context: ToolContext) -> Said:
        os.waitpid(child(input.mark, _loop), 0)
        return Said()

    @tool(timeout_s=1, memory_mb=256)
    def waits_for_a_program(self, input: Asked, context: ToolContext) -> Said:
        subprocess.run(["/bin/sh", "-c", "sleep 600; exit", input.mark], check=True)
        return Said()

    @tool(timeout_s=ENOUGH_S, memory_mb=256)
    def asks_a_human(self, input: Asked, context: ToolContext) -> Said:
        return Said(text=sys.stdin.readline() or input_of_a_human())


def input_of_a_human() -> str:
    return input("go on? ")
