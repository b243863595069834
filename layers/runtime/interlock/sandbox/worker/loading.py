"""Load code in a process that has not seen any request yet."""

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping

from interlock.sandbox.wire import processes
from interlock.sandbox.wire.processes import children, read_proc
from interlock.sandbox.wire.protocol import FrameType, loaded_body, read_request
from interlock.sandbox.worker.channel import Channel
from interlock.sandbox.worker.process_state import kernel_state, threads_and_signals
from interlock.sandbox.worker.resource_limits import bound_run
from interlock.sandbox.worker.run_folder import enter, leave
from interlock.sandbox.worker.template import FORKS

type Loader = Callable[[bytes, Channel], bytes | None]


def load(requests: int, loader: Loader | None) -> int | None:
    """Read the first request, which is to load code, and answer it. Return the number of threads that now exist,
    including the main thread, or None if no code was loaded."""
    asked = read_request(requests)
    if asked is None:
        return None
    header, request = asked
    bound_run(header.memory_mb, header.temp_dir)
    enter(header.temp_dir)
    before = kernel_state()
    _, signals = threads_and_signals()
    channel = Channel(header)
    answer = loader(request, channel) if loader else None
    leave()
    if answer is not None:
        channel.finish(answer)
        return None
    threads, _ = threads_and_signals()
    reasons = ", ".join(_what_forks_would_share_or_lack(before, signals))
    channel.finish(loaded_body(threads, reasons), FrameType.LOADED)
    return threads


def _what_forks_would_share_or_lack(before: Mapping[str, object], signals: tuple[int, ...]) -> Iterator[str]:
    """Yield what loading has left behind that keeps this process from being a template: a forked process would lack it
    (threads, children, timers), or all of them would share it, across tenants (open files, shared memory)."""
    if not processes.LINUX:
        yield "not Linux"
        return
    if threads_and_signals()[0] > 1:
        _let_libraries_end_their_threads()
    threads, signals_now = threads_and_signals(at_most=1)
    if threads > 1:
        yield f"{threads - 1} thread{'s' if threads > 2 else ''}"
    if children(os.getpid()):
        yield "child processes"
    yield from _open_files()
    if _shared_memory():
        yield "shared memory"
    after = kernel_state()
    yield from (f"changed {name}" for name, value in before.items() if after[name] != value)
    if signals_now != signals:
        yield "changed signal handlers"


def _let_libraries_end_their_threads() -> None:
    """Fork once. Libraries that expect forks (OpenBLAS) end their threads first, and start them again when needed."""
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)


def _shared_memory() -> bool:
    """Return whether forked processes could pass data through mapped memory, even if only after `mprotect()`."""
    if not any(line.split(maxsplit=2)[1].endswith(b"s") for line in read_proc("self/maps").splitlines()):
        return False
    areas = [line.split() for line in read_proc("self/smaps").splitlines() if line.startswith(b"VmFlags:")]
    return not areas or any({b"mw", b"ms"} <= set(flags) for flags in areas)  # may write, may share


def _open_files() -> Iterator[str]:
    """Yield the names of open files that are not this package's: a forked worker process closes them. Folders are left
    out, because callers may read the names."""
    for name in os.listdir("/proc/self/fd"):
        descriptor = int(name)
        if descriptor <= FORKS:
            continue
        with contextlib.suppress(FileNotFoundError):  # the descriptor of this listing, which is closed now
            yield f"open {_file_name(os.readlink(f'/proc/self/fd/{descriptor}'))}"


def _file_name(target: str) -> str:
    """Return `model.bin` for `/opt/model.bin`, and `socket` for `socket:[4711]`."""
    name = target.rpartition("/")[2]
    kind, _, number = name.partition(":[")
    return kind if number.rstrip("]").isdigit() else name
