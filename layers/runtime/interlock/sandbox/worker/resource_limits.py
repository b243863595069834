"""The limits of a worker process that the kernel enforces."""

import contextlib
import os
import resource
import threading

from interlock.sandbox.wire.protocol import MIB

THREAD_STACK_BYTES = 5 * MIB
"""The stack of a thread that Python starts: as little as holds a thousand calls through C (`sorted` with a key), which
end in a RecursionError and not in a crash. By default it is 8 MiB, all of which RLIMIT_DATA counts."""


def bound_process() -> None:
    """The limits of a worker that are the same for each run: no core dumps, stacks of threads, and of the processes and
    threads that the user may have (not root) one sixteenth stays for those who clean up after it."""
    threading.stack_size(THREAD_STACK_BYTES)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    soft, _ = resource.getrlimit(resource.RLIMIT_NPROC)
    if soft != resource.RLIM_INFINITY:
        share = soft - soft // 16
        resource.setrlimit(resource.RLIMIT_NPROC, (share, share))


def bound_run(memory_mb: int, folder: str) -> None:
    """The limits of one run. They are soft, since another run of the process may have others.

    Memory: a backstop for what grows faster than the resident size is watched. Twice the limit and 1 GiB more, since
    allocated is not resident (the stacks of 200 threads count here), yet never all that the machine has.
    Files: half of what is free, so that no single one fills the disk.
    """
    machine_bytes = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    data_bytes = min((2 * memory_mb + 1024) * MIB, max(memory_mb * MIB, machine_bytes * 3 // 4))
    _bound(resource.RLIMIT_DATA, data_bytes)
    disk = os.statvfs(folder)
    if disk.f_blocks:  # a tmpfs without a limit says 0
        _bound(resource.RLIMIT_FSIZE, disk.f_bavail * disk.f_frsize // 2)


def _bound(which: int, value: int) -> None:
    with contextlib.suppress(ValueError, OSError):  # macOS knows RLIMIT_DATA and refuses it
        _, hard = resource.getrlimit(which)
        resource.setrlimit(which, (value if hard == resource.RLIM_INFINITY else min(value, hard), hard))
