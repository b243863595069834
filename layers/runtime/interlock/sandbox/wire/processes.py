"""Linux process management through /proc, prctl and signals. On other systems no descendants are found, and only
process groups are ended."""

import contextlib
import ctypes
import errno
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

LINUX = sys.platform == "linux"
PROC = "/proc"
OUT_OF_DESCRIPTORS = (errno.EMFILE, errno.ENFILE)
OUT_OF_PROCESSES = (errno.EAGAIN, errno.ENOMEM)
"""Errors of a fork: the user's process limit is reached, or memory is short."""


_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_SET_CHILD_SUBREAPER = 36
_PR_SET_NO_NEW_PRIVS = 38
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_KEPT_BYTES, _MAPPED_BYTES = 16 << 20, 8 << 20
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_PROC_READ_BYTES = 4096
_FIRST_END_PAUSE_S, _LONGEST_END_PAUSE_S = 0.0005, 0.01
_LIBC = ctypes.CDLL(None)


def _prctl(option: int, value: int) -> None:
    if LINUX:
        _LIBC.prctl(option, value, 0, 0, 0)


def adopt_orphans() -> None:
    """Make this process the parent of orphaned descendants, so that they can be found (child subreaper)."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def die_with_parent() -> None:
    """Ask the kernel to send SIGKILL to this process when its parent ends."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def hide_memory() -> None:
    """Keep other processes of the same user from reading this process's memory and environment and from tracing it.

    Root is not affected. The sandbox must not run as root where this matters; on Lambda it does not.
    """
    _prctl(_PR_SET_DUMPABLE, 0)


def show_memory() -> None:
    """Undo `hide_memory`. The kernel then also gives the files in /proc/<pid> to the user again, instead of root."""
    _prctl(_PR_SET_DUMPABLE, 1)


def forbid_new_privileges() -> None:
    """Make sure that programs which this process executes gain no privileges, so that they can always be ended."""
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)


def keep_freed_memory() -> None:
    """Keep up to 16 MiB of freed memory in this process and its forks, and serve blocks of less than 8 MiB from it.
    Otherwise most runs with an input of 5 MB return memory to the kernel and get it back by 1,200 page faults, which
    take 4 ms. Needs glibc."""
    if LINUX and (mallopt := getattr(_LIBC, "mallopt", None)):
        mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)
        mallopt(_M_MMAP_THRESHOLD, _MAPPED_BYTES)


def read_proc(name: str) -> bytes:
    """Read a file of /proc. The result is empty if the process has ended or access is denied."""
    parts = []
    try:
        descriptor = os.open(f"{PROC}/{name}", os.O_RDONLY | os.O_CLOEXEC)
        try:
            while part := os.read(descriptor, 1 << 16):
                parts.append(part)
        finally:
            os.close(descriptor)
    except OSError as error:
        _raise_exhaustion(error)
        return b""
    return b"".join(parts)


def status_field(status: bytes, name: bytes) -> bytes:
    """Return a field of /proc/<pid>/status. The kernel escapes line ends in the process's name, the first line."""
    start = status.index(b"\n" + name + b":\t") + len(name) + 3
    return status[start : status.index(b"\n", start)]


class ProcFile:
    """An open file of /proc/<pid>, for files that are read again and again: one system call per read instead of four.

    Like the process's pidfd it stays bound to the process, so it never shows another one with the same id. `read`
    returns nothing if the process has ended or access is denied. Raises OSError if the descriptors are exhausted.
    """

    __slots__ = ("_descriptor",)

    def __init__(self, pid: int, name: str) -> None:
        self._descriptor = -1
        try:
            self._descriptor = os.open(f"{PROC}/{pid}/{name}", os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            _raise_exhaustion(error)

    def read(self) -> bytes:
        """Return the content as far as one read returns it: all of it, except for long lists of processes."""
        if self._descriptor < 0:
            return b""
        try:
            return os.pread(self._descriptor, _PROC_READ_BYTES, 0)
        except OSError:  # the process has ended
            return b""

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def _raise_exhaustion(error: OSError) -> None:
    """Raise the error if the descriptors are exhausted. Otherwise a process that exists would be taken for one that has
    ended."""
    if error.errno in OUT_OF_DESCRIPTORS:
        raise error


_LISTS_CHILDREN = Path(PROC, "thread-self/children").exists()


def children(pid: int) -> set[int]:
    """Return the direct children of all threads of a process, including those that have ended and were not reaped."""
    if not _LISTS_CHILDREN:
        return _children_by_scan(pid)
    found: set[int] = set()
    for thread in threads(pid):
        found.update(map(int, read_proc(f"{pid}/task/{thread}/children").split()))
    return found


class ChildList:
    """The direct children of a process that has one thread, read again and again."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._file = ProcFile(pid, f"task/{pid}/children") if _LISTS_CHILDREN else None

    def read(self) -> set[int]:
        """Return the children, or the first few hundred of them."""
        return children(self._pid) if self._file is None else set(map(int, self._file.read().split()))

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


def threads(pid: int) -> list[int]:
    """Return the ids of a process's threads, none if it has ended."""
    try:
        return [int(name) for name in os.listdir(f"{PROC}/{pid}/task")]
    except OSError as error:
        _raise_exhaustion(error)
        return []


def _children_by_scan(pid: int) -> set[int]:
    """Find children by the parent id of every process, for kernels built without CONFIG_PROC_CHILDREN."""
    parent = str(pid).encode()
    # The command name is in parentheses and may contain any character.
    stats = {one.name: read_proc(f"{one.name}/stat").rpartition(b")")[2].split() for one in Path(PROC).glob("[0-9]*")}
    return {int(name) for name, fields in stats.items() if fields[1:2] == [parent]}


def descendants(pid: int) -> Iterator[int]:
    """Yield all processes below a process, level by level."""
    front, seen = children(pid), {pid}
    while front:
        yield from front
        seen |= front
        front = set().union(*map(children, front)) - seen


def resident_bytes(pid: int) -> int:
    """Return the resident memory of a process in bytes, including shared pages."""
    return resident_bytes_of(read_proc(f"{pid}/statm"))


def resident_bytes_of(statm: bytes) -> int:
    """Return the resident memory by /proc/<pid>/statm, 0 if the process has ended."""
    fields = statm.split()
    return int(fields[1]) * _PAGE_BYTES if fields else 0


def proportional_bytes(pid: int) -> int:
    """Return the proportional set size of a process in bytes: shared pages are divided by the number of processes that
    share them.

    This is slow, because the kernel walks all pages and waits for changes of the mappings. If the kernel denies it,
    resident memory is returned.
    """
    _, found, rest = read_proc(f"{pid}/smaps_rollup").partition(b"\nPss:")
    return int(rest.split(maxsplit=1)[0]) * 1024 if found else resident_bytes(pid)


def send_signal(pid: int, number: int) -> None:
    """Send a signal to a process that may have ended."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def end_children(which: Callable[[], set[int]]) -> dict[int, int]:
    """End the children that `which` returns, and all their descendants, until it returns none. Return the wait statuses
    of the reaped children.

    All processes are stopped before any is killed. A stopped process does not fork while the others are searched, and
    it still counts towards the user's process limit, which bounds even a fork bomb. There is no time limit: when the
    function returns, all of them have ended.
    """
    statuses: dict[int, int] = {}
    stopped: set[int] = set()
    killed: set[int] = set()
    pause_s = _FIRST_END_PAUSE_S
    while found := which():
        # Reap first and in every turn: each ended process occupies a process id.
        ended = _reap(found)
        statuses |= ended
        stopped -= ended.keys()
        killed -= ended.keys()
        left = found - ended.keys()
        if fresh := left - stopped:
            stopped |= _stop_family(fresh)
            continue  # orphans of a stopped process may have become our children meanwhile
        # Kill direct children only: their ids cannot be reused before we reap them. The id of a deeper descendant may
        # already belong to another process of the user. Such descendants become our children when their parents end.
        _kill_with_groups(left - killed)
        killed |= left
        if not ended:
            time.sleep(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_END_PAUSE_S)
    return statuses


def _stop_family(pids: set[int]) -> set[int]:
    """Stop processes and all their descendants. Return all of them."""
    family: set[int] = set()
    front = pids
    while front:
        for pid in front:
            send_signal(pid, signal.SIGSTOP)
        family |= front
        front = set().union(*map(children, front)) - family
    return family


def end_child(pid: int) -> int:
    """End a child of this process and its process group, without searching for descendants. Return its wait status."""
    _kill_with_groups({pid})
    return os.waitpid(pid, 0)[1]


def _kill_with_groups(pids: set[int]) -> None:
    """Kill processes and their process groups, each group once: all processes of a run may be in one."""
    groups = set()
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            groups.add(os.getpgid(pid))
    groups.discard(os.getpgrp())  # this process's own group, if a child was forked a moment ago
    for group in groups:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)
    for pid in pids:
        send_signal(pid, signal.SIGKILL)


def _reap(pids: set[int]) -> dict[int, int]:
    """Return the wait statuses of the children that have ended."""
    statuses = {}
    for pid in pids:
        with contextlib.suppress(ChildProcessError):
            reaped, status = os.waitpid(pid, os.WNOHANG)
            if reaped:
                statuses[pid] = status
    return statuses
