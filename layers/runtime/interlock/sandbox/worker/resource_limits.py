"""The limits of a worker process that the kernel enforces."""

import contextlib
import os
import resource
import threading

from interlock.sandbox.wire.protocol import MIB

THREAD_STACK_BYTES = 5 * MIB
"""Stack size of threads that Python starts, in bytes. It is the smallest size with which a thousand nested calls
through C (`sorted` with a key) end in a RecursionError instead of a crash. The default is 8 MiB, which counts fully
towards RLIMIT_DATA."""


def bound_process() -> None:
    """Set the limits that are the same for each run: no core dumps, the stack size of threads, and the number of
    processes."""
    threading.stack_size(THREAD_STACK_BYTES)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    bound_processes()


def bound_processes() -> None:
    """Lower the limit for the user's processes by one thirty-second, which is left to the process that has forked this
    one: the zygote, or a template. Otherwise a run that forks without end would keep templates of the user's other
    sandboxes from forking. Root has no such limit."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NPROC)
    if soft != resource.RLIM_INFINITY:
        share = soft - soft // 32
        resource.setrlimit(resource.RLIMIT_NPROC, (share, share))


def bound_run(memory_mb: int, folder: str) -> None:
    """Set the limits of one run. They are soft, because another run of the process may have others.

    Memory: a backstop for allocation that is faster than the measurement of resident memory. It is twice the limit plus
    1 GiB, because allocated memory is not resident (the stacks of 200 threads count here), but never all memory of the
    machine. Files: half of the free space, so that no single file fills the disk.
    """
    machine_bytes = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    data_bytes = min((2 * memory_mb + 1024) * MIB, max(memory_mb * MIB, machine_bytes * 3 // 4))
    _bound(resource.RLIMIT_DATA, data_bytes)
    disk = os.statvfs(folder)
    if disk.f_blocks:  # a tmpfs without a limit reports 0
        _bound(resource.RLIMIT_FSIZE, disk.f_bavail * disk.f_frsize // 2)


def _bound(which: int, value: int) -> None:
    with contextlib.suppress(ValueError, OSError):  # macOS refuses RLIMIT_DATA
        _, hard = resource.getrlimit(which)
        resource.setrlimit(which, (value if hard == resource.RLIM_INFINITY else min(value, hard), hard))
