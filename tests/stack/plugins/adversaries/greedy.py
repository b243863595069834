"""Exhaust memory, processes, threads, descriptors, disk and output.

Each tool has its own bound, so that a limit which does not hold shows as a result and not as a machine without memory.
"""

import ctypes
import mmap
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from interlock.plugin import ToolContext

from .adversary import ENOUGH_S, LIBC, Adversary, Asked, Said, child, tool

MIB = 1024 * 1024
ENOUGH_MIB = 3000
STEP_MIB = 16

_held: list[Any] = []


def _fill_python() -> None:
    _held.extend(b"x" * (STEP_MIB * MIB) for _ in range(ENOUGH_MIB // STEP_MIB))


def _fill_objects() -> None:
    _held.extend([number] * 8 for number in range(ENOUGH_MIB * 4096))


def _fill_native() -> None:
    LIBC.malloc.restype = ctypes.c_void_p
    LIBC.malloc.argtypes = [ctypes.c_size_t]
    LIBC.memset.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t]
    for _ in range(ENOUGH_MIB // STEP_MIB):
        LIBC.memset(LIBC.malloc(STEP_MIB * MIB), 1, STEP_MIB * MIB)


def _fill_shared() -> None:
    for _ in range(ENOUGH_MIB // STEP_MIB):
        pages = mmap.mmap(-1, STEP_MIB * MIB)  # shared: no limit of private memory holds it
        pages.write(b"x" * (STEP_MIB * MIB))
        _held.append(pages)


def _at_once() -> None:
    _held.append(bytearray(1 << 44))


BOMBS: dict[str, Callable[[], None]] = {
    "python": _fill_python,
    "objects": _fill_objects,
    "native": _fill_native,
    "shared": _fill_shared,
    "at_once": _at_once,
}


def _tree(depth: int) -> None:
    """Fork two processes, each of which forks two, and so on: 2 ** (depth + 1) - 1 processes."""
    for _ in range(2 if depth else 0):
        if os.fork() == 0:
            _tree(depth - 1)
            os._exit(0)
    time.sleep(600)


def _chain(length: int) -> None:
    """Fork a process that forks the next and ends, so that a search for them is always too late."""
    for _ in range(length):
        if os.fork():
            os._exit(0)


def _leave_the_family() -> None:
    os.setsid()
    if os.fork() == 0:
        time.sleep(600)


class Greedy(Adversary):
    name, title = "greedy", "Takes all"

    @tool(timeout_s=ENOUGH_S, memory_mb=128)
    def fills_memory(self, input: Asked, context: ToolContext) -> Said:
        BOMBS[input.way]()
        return Said(text="full")

    @tool(timeout_s=ENOUGH_S, memory_mb=256)
    def fills_memory_with_children(self, input: Asked, context: ToolContext) -> Said:
        """Fill memory in child processes: each stays below the limit, together they exceed it."""

        def live() -> None:
            _held.append(b"x" * (100 * MIB))
            time.sleep(600)

        for _ in range(4):
            child(input.mark, live)
        time.sleep(60)
        return Said(text="full")

    @tool(timeout_s=ENOUGH_S, memory_mb=2048)
    def forks_500(self, input: Asked, context: ToolContext) -> Said:
        pids = [child(input.mark, lambda: time.sleep(600)) for _ in range(500)]
        return Said(number=sum(Path(f"/proc/{pid}").exists() for pid in pids))

    @tool(timeout_s=ENOUGH_S, memory_mb=512)
    def fork_bomb(self, input: Asked, context: ToolContext) -> Said:
        child(input.mark, lambda: _tree(9))
        return Said()

    @tool(timeout_s=ENOUGH_S, memory_mb=512)
    def runs_away(self, input: Asked, context: ToolContext) -> Said:
        for _ in range(4):
            child(input.mark, lambda: _chain(5_000))
        return Said()

    @tool(timeout_s=ENOUGH_S, memory_mb=256)
    def outlives(self, input: Asked, context: ToolContext) -> Said:
        """Start a daemon: a process in another session whose parent has ended."""
        read, write = os.pipe()

        def live() -> None:
            _leave_the_family()
            os.write(write, b"x")

        os.waitpid(child(input.mark, live), 0)
        os.read(read, 1)
        return Said(text="it lives")

    @tool(timeout_s=ENOUGH_S, memory_mb=512)
    def starts_1000_threads(self, input: Asked, context: ToolContext) -> Said:
        threading.stack_size(256 * 1024)
        for _ in range(1000):
            threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
        return Said(number=threading.active_count() - 1)

    @tool(timeout_s=ENOUGH_S, memory_mb=256)
    def leaves_a_thread(self, input: Asked, context: ToolContext) -> Said:
        """Leave a thread that would keep an interpreter from ending."""
        threading.Thread(target=time.sleep, args=(600,), daemon=False).start()
        return Said(number=threading.active_count() - 1)

    @tool(timeout_s=ENOUGH_S, memory_mb=256)
    def opens_all_descriptors(self, input: Asked, context: ToolContext) -> Said:
        while True:
            _held.append(os.open(os.devnull, os.O_RDONLY))

    @tool(timeout_s=ENOUGH_S, memory_mb=1024)
    def returns_100_mb(self, input: Asked, context: ToolContext) -> Said:
        return Said(text="x" * 100_000_000)

    @tool(timeout_s=ENOUGH_S, memory_mb=256)
    def fills_its_folder(self, input: Asked, context: ToolContext) -> Said:
        with (context.temp_dir / "big").open("wb") as file:
            for _ in range(300):
                file.write(bytes(MIB))
        return Said(text=str(context.temp_dir), number=file_bytes(context.temp_dir))

    @tool(timeout_s=ENOUGH_S, memory_mb=256)
    def digs_a_deep_folder(self, input: Asked, context: ToolContext) -> Said:
        """Dig so deep that the path exceeds the system's limit, in folders without permissions."""
        for _ in range(1000):
            Path("deep").mkdir()
            os.chdir("deep")
        for _ in range(1000):
            os.chdir("..")
            Path("deep").chmod(0)
        context.temp_dir.chmod(0)
        return Said(text=str(context.temp_dir))

    @tool(timeout_s=ENOUGH_S, memory_mb=256)
    def prints_without_end(self, input: Asked, context: ToolContext) -> Said:
        for number in range(100_000):
            print("line", number)
        print("x" * 20_000_000, end="")
        return Said(text="said it all")

    @tool(timeout_s=ENOUGH_S, memory_mb=256)
    def logs_without_end(self, input: Asked, context: ToolContext) -> Said:
        for _ in range(20_000):
            context.logger.warning("%s", "y" * 1000)
        return Said(text="said it all")

    @tool(timeout_s=ENOUGH_S, memory_mb=256)
    def tells_progress_without_end(self, input: Asked, context: ToolContext) -> Said:
        """Report progress about ten thousand times a second, long enough for heartbeats to carry it."""
        calls = 20_000
        for number in range(calls):
            context.progress(number / calls, f"call {number}")
        time.sleep(1.2)
        for number in range(calls):
            context.progress(number / calls, f"call {number}")
        context.progress(1, "the last")
        return Said(number=2 * calls)

    @tool(timeout_s=ENOUGH_S, memory_mb=256)
    def tells_odd_progress(self, input: Asked, context: ToolContext) -> Said:
        for fraction in (float("inf"), float("-inf"), -1, 2, True, float("nan")):
            context.progress(fraction, "m" * 1_000_000)
        time.sleep(0.1)  # what follows is not kept back: it comes after the shortest pause
        context.progress(float("nan"), "half of a pair: \ud83d \0 " + "m" * 1_000_000)
        time.sleep(1.5)  # a heartbeat writes it
        return Said()

    @tool(timeout_s=ENOUGH_S, memory_mb=256)
    def tells_progress_in_words(self, input: Asked, context: ToolContext) -> Said:
        context.progress("half")  # type: ignore[arg-type]
        return Said()


def file_bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.iterdir())
