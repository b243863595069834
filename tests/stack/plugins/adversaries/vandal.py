"""Leave the process changed, and inspect its surroundings."""

import atexit
import contextlib
import fcntl
import gc
import locale
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from interlock.plugin import ToolContext

from . import patching
from .adversary import ENOUGH_S, Adversary, Asked, Said, tool
from .patching import fail

ALARM_S = 1.0

_held: list[Any] = []
_lock = threading.Lock()


def _garbage() -> None:
    """Write garbage, including frames without a valid token, to every descriptor."""
    noise = random.Random(1)
    for number in range(64):
        with contextlib.suppress(OSError):
            os.set_blocking(number, True)
            for size in (1, 24, 4096, 100_000):
                os.write(number, noise.randbytes(size))
            os.write(number, bytes(16) + b"\x04\x00" + bytes(8))


def _broken_text() -> None:
    os.write(1, b"\xff\xfe\x00 not UTF-8 \xf0\x9f\n\r\x1b[2J")
    sys.stdout.write("half of a pair: \ud83d\n")


def _all_signals(handler: Any) -> None:
    for number in signal.valid_signals():
        with contextlib.suppress(OSError, ValueError):
            signal.signal(number, handler)


def _alarm() -> None:
    """Set an alarm that expires during the next run of the same process."""
    signal.signal(signal.SIGALRM, fail)
    signal.setitimer(signal.ITIMER_REAL, ALARM_S, ALARM_S)


def _lock_a_file(path: str) -> None:
    _held.append(file := Path(path).open("w"))  # noqa: SIM115
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _lock_its_own() -> None:
    if not _lock.acquire(timeout=5):
        raise LookupError("locked since the last run")


def _both_return() -> None:
    os.fork()


def _no_more_files() -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def _siblings() -> list[int]:
    parent = os.getppid()
    found = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return [int(pid) for pid in found if int(pid) != os.getpid()]


def _to_siblings(number: int) -> None:
    for pid in _siblings():
        os.kill(pid, number)


def _stay_in_a_thread() -> None:
    threading.Thread(target=_hog, daemon=True).start()


def _hog() -> None:
    while True:
        pass


def _close_streams() -> None:
    sys.stdout.close()
    sys.stderr.close()


def _spoil_the_collector() -> None:
    gc.set_threshold(1)
    gc.callbacks.append(fail)
    gc.set_debug(gc.DEBUG_STATS)


def _hang_at_exit() -> None:
    atexit.register(time.sleep, 600)
    os.register_at_fork(before=fail)


def _link_instead_of_folder(path: str) -> None:
    folder = Path.cwd()
    shutil.rmtree(folder)
    folder.symlink_to(path)


def _file_instead_of_folder() -> None:
    folder = Path.cwd()
    shutil.rmtree(folder)
    folder.write_text("x")


def _links_in_folder(path: str) -> None:
    Path("to").symlink_to(path)
    Path("up").symlink_to("/")


def _change_surroundings() -> None:
    os.chdir("/usr")
    os.environ["ADVERSARY"] = os.environ["LANG"] = "was here"
    os.environ.pop("PATH", None)
    os.umask(0)
    locale.setlocale(locale.LC_ALL, "C")
    time.tzset()
    tempfile.tempdir = "/usr"
    sys.path[:] = ["/usr"]
    sys.argv[:] = ["adversary"]
    sys.setrecursionlimit(5000)
    os.nice(5)


WAYS: dict[str, Callable[[str], object]] = {
    "garbage": lambda _: _garbage(),
    "text that is none": lambda _: _broken_text(),
    "closes stdout and stderr": lambda _: _close_streams(),
    "closes descriptors 1 and 2": lambda _: os.closerange(1, 3),
    "recursion limit": lambda _: sys.setrecursionlimit(40),
    "garbage collector": lambda _: _spoil_the_collector(),
    "ignores all signals": lambda _: _all_signals(signal.SIG_IGN),
    "handles all signals": lambda _: _all_signals(fail),
    "alarm": lambda _: _alarm(),
    "blocks all signals": lambda _: signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals()),
    "exit hooks": lambda _: _hang_at_exit(),
    "thread that hogs": lambda _: _stay_in_a_thread(),
    "own lock": lambda _: _lock_its_own(),
    "file lock": _lock_a_file,
    "limits": lambda _: _no_more_files(),
    "both return": lambda _: _both_return(),
    "kills its siblings": lambda _: _to_siblings(signal.SIGKILL),
    "stops its siblings": lambda _: _to_siblings(signal.SIGSTOP),
    "removes its folder": lambda _: shutil.rmtree(Path.cwd()),
    "puts a link in its folder's place": _link_instead_of_folder,
    "puts a file in its folder's place": lambda _: _file_instead_of_folder(),
    "moves its folder": lambda path: Path.cwd().rename(Path(path) / "moved"),
    "links in its folder": _links_in_folder,
}


class Vandal(Adversary):
    name, title = "vandal", "Leaves a mess"

    @tool(timeout_s=ENOUGH_S, memory_mb=256)
    def go(self, input: Asked, context: ToolContext) -> Said:
        if input.way in patching.WAYS:
            patching.WAYS[input.way]()
        else:
            WAYS[input.way](input.path)
        return Said(text=input.way)

    @tool(timeout_s=3, memory_mb=256)
    def closes_all_descriptors(self, input: Asked, context: ToolContext) -> Said:
        os.closerange(0, 256)
        return Said()

    @tool(timeout_s=ENOUGH_S, memory_mb=256)
    def prints_after_closing(self, input: Asked, context: ToolContext) -> Said:
        sys.stdout.close()
        sys.stderr.close()
        print("nobody hears this")
        return Said()

    @tool(timeout_s=ENOUGH_S, memory_mb=256)
    def waits_for_an_alarm(self, input: Asked, context: ToolContext) -> Said:
        time.sleep(1.2 * ALARM_S)
        return Said(text="all quiet")

    @tool(timeout_s=ENOUGH_S, memory_mb=256)
    def tells_surroundings(self, input: Asked, context: ToolContext) -> Said:
        """Return the surroundings of a run, except those that differ for each run."""
        return Said(facts=_surroundings(str(context.temp_dir)))

    @tool(timeout_s=ENOUGH_S, memory_mb=256)
    def changes_surroundings(self, input: Asked, context: ToolContext) -> Said:
        _change_surroundings()
        return Said(facts=_surroundings(str(context.temp_dir)))

    @tool(timeout_s=ENOUGH_S, memory_mb=256)
    def looks_for_secrets(self, input: Asked, context: ToolContext) -> Said:
        """Return the readable environments of this process and its ancestors."""
        found = {"own": dict(os.environ), "own as started": _environment("self")}
        pid = os.getppid()
        for role in ("zygote", "runtime"):
            found[role] = _environment(pid)
            pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        return Said(facts=found)


def _surroundings(own: str) -> dict[str, object]:
    mask = os.umask(0o022)
    os.umask(mask)
    return {
        "environment": {name: value.replace(own, "<own>") for name, value in os.environ.items()},
        "directory": str(Path.cwd()).replace(own, "<own>"),
        "temporary": tempfile.gettempdir().replace(own, "<own>"),
        "listed": [file.name for file in Path(own).iterdir()],
        "descriptors": sorted(_open_descriptors()),
        "mask": mask,
        "locale": locale.setlocale(locale.LC_ALL),
        "path": sys.path,
        "arguments": sys.argv,
        "recursion": sys.getrecursionlimit(),
        "nice": os.nice(0),
    }


def _environment(pid: int | str) -> dict[str, str]:
    try:
        text = Path(f"/proc/{pid}/environ").read_text()
    except OSError as error:
        return {"unreadable": type(error).__name__}
    return dict(one.split("=", 1) for one in text.split("\0") if "=" in one)


def _open_descriptors() -> list[int]:
    found = []
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208
        with contextlib.suppress(OSError):
            os.fstat(int(name))  # the listing's own is closed by now
            found.append(int(name))
    return found
