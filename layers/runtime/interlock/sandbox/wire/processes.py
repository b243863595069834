"""What Linux tells of processes, and what is asked of it. Elsewhere there is no /proc and no prctl: then nothing is
found, and only process groups are ended."""

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

_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_SET_CHILD_SUBREAPER = 36
_PR_SET_NO_NEW_PRIVS = 38
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_END_PAUSE_S = 0.0005
_LIBC = ctypes.CDLL(None)


def _prctl(option: int, value: int) -> None:
    if LINUX:
        _LIBC.prctl(option, value, 0, 0, 0)


def adopt_orphans() -> None:
    """Makes this process the parent of descendants whose own parent ended, so that none gets out of sight."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def die_with_parent() -> None:
    """Has the kernel send SIGKILL to this process when its parent ends."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def hide_memory(*, hidden: bool = True) -> None:
    """Keeps processes of the same user from reading this one's memory and /proc/<pid>/environ, and from tracing it.

    Root may still, and so may not be what runs the sandbox where that counts (on Lambda it is not).
    """
    _prctl(_PR_SET_DUMPABLE, int(not hidden))


def no_new_privileges() -> None:
    """From now on no program that this process executes gets more rights than it, so that it can always be ended."""
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)


def read_proc(name: str) -> bytes:
    """A file of /proc; empty when the process is gone, or it is not ours to read."""
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


def _raise_exhaustion(error: OSError) -> None:
    """To have no descriptor left is not to be taken for a process that is gone: nothing would be found any more."""
    if error.errno in OUT_OF_DESCRIPTORS:
        raise error


_LISTS_CHILDREN = Path(PROC, "thread-self/children").exists()


def children(pid: int) -> set[int]:
    """The direct children of a process, of all its threads, also those that have ended and were not reaped."""
    if not _LISTS_CHILDREN:
        return _children_by_scan(pid)
    found: set[int] = set()
    for thread in threads(pid):
        found.update(map(int, read_proc(f"{pid}/task/{thread}/children").split()))
    return found


def threads(pid: int) -> list[int]:
    """The ids of a process's threads; none when it is gone."""
    try:
        return [int(name) for name in os.listdir(f"{PROC}/{pid}/task")]
    except OSError as error:
        _raise_exhaustion(error)
        return []


def _children_by_scan(pid: int) -> set[int]:
    """For kernels built without CONFIG_PROC_CHILDREN: the parent of every process, looked through."""
    parent = str(pid).encode()
    # The command's name stands in parentheses and may hold anything.
    stats = {one.name: read_proc(f"{one.name}/stat").rpartition(b")")[2].split() for one in Path(PROC).glob("[0-9]*")}
    return {int(name) for name, fields in stats.items() if fields[1:2] == [parent]}


def descendants(pid: int) -> Iterator[int]:
    """All processes below a process, level by level, looked for as they are asked for."""
    front, seen = children(pid), {pid}
    while front:
        yield from front
        seen |= front
        front = set().union(*map(children, front)) - seen


def resident_bytes(pid: int) -> int:
    """Resident memory of a process, what it shares with others included."""
    fields = read_proc(f"{pid}/statm").split()
    return int(fields[1]) * _PAGE_BYTES if fields else 0


def proportional_bytes(pid: int) -> int:
    """The same with shared pages divided by how many share them: slow, as the kernel walks through all pages, and
    waits while the process changes its mappings. Where it will not tell, resident memory stands in."""
    _, found, rest = read_proc(f"{pid}/smaps_rollup").partition(b"\nPss:")
    return int(rest.split(maxsplit=1)[0]) * 1024 if found else resident_bytes(pid)


def send(pid: int, number: int) -> None:
    """Sends a signal to a process that may be gone."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def end_children(which: Callable[[], set[int]]) -> dict[int, int]:
    """Ends these children of this process and all that descends from them, until `which` finds none any more.
    Returns the wait statuses of those that it has reaped.

    All are stopped before any is killed. What is stopped does not fork while the others are looked for, and it keeps
    its place among the processes that a user may have, which bounds even a fork bomb. There is no limit of time: who
    waits may rely on all of them being gone.
    """
    statuses: dict[int, int] = {}
    stopped: set[int] = set()
    while found := which():
        # First, and in every turn: what has ended holds a process id until then, and there are not many.
        ended = _reap(found)
        statuses |= ended
        stopped -= ended.keys()
        left = found - ended.keys()
        if fresh := left - stopped:
            stopped |= _stop_family(fresh)
            continue  # what it had forked, and left behind, may have come to us meanwhile
        # Our children alone, whose ids are nobody else's until we reap them: one further below that has ended may by
        # now have given its id to any process of the user. With their parents' end the others come to us.
        for pid in left:
            _kill_with_group(pid)
        if not ended:
            time.sleep(_END_PAUSE_S)
    return statuses


def _stop_family(pids: set[int]) -> set[int]:
    """Stops processes and all below them; returns the whole of it."""
    family: set[int] = set()
    front = pids
    while front:
        for pid in front:
            send(pid, signal.SIGSTOP)
        family |= front
        front = set().union(*map(children, front)) - family
    return family


def end_child(pid: int) -> int:
    """Ends a child of this process with its group, all that can be done where descendants are not found; returns its
    wait status."""
    _kill_with_group(pid)
    return os.waitpid(pid, 0)[1]


def _kill_with_group(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        group = os.getpgid(pid)
        if group != os.getpgrp():  # ours, when it was forked a moment ago
            os.killpg(group, signal.SIGKILL)
    send(pid, signal.SIGKILL)


def _reap(pids: set[int]) -> dict[int, int]:
    """The wait statuses of those that have ended."""
    statuses = {}
    for pid in pids:
        with contextlib.suppress(ChildProcessError):
            reaped, status = os.waitpid(pid, os.WNOHANG)
            if reaped:
                statuses[pid] = status
    return statuses
