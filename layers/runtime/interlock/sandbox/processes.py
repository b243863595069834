"""What Linux tells of processes, and asks of it. Elsewhere there is no /proc and no prctl: then nothing is found, and
only process groups are ended."""

import contextlib
import ctypes
import os
import signal
import sys
from pathlib import Path

LINUX = sys.platform == "linux"

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def _prctl(option: int, value: int) -> None:
    if LINUX:
        ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


def adopt_orphans() -> None:
    """Makes this process the parent of descendants whose own parent ended, so that none gets out of sight."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def die_with_parent() -> None:
    """Has the kernel send SIGKILL to this process when its parent ends."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


_LISTS_CHILDREN = Path("/proc/thread-self/children").exists()


def children(pid: int) -> set[int]:
    """The direct children of a process, of all its threads."""
    if not _LISTS_CHILDREN:
        return _children_by_scan(pid)
    found: set[int] = set()
    with contextlib.suppress(OSError):
        for task in os.listdir(f"/proc/{pid}/task"):
            # The thread, or the process, may end while we look.
            with contextlib.suppress(OSError):
                found.update(map(int, Path(f"/proc/{pid}/task/{task}/children").read_bytes().split()))
    return found


def _children_by_scan(pid: int) -> set[int]:
    """For kernels built without CONFIG_PROC_CHILDREN: the parent of every process, looked through."""
    found: set[int] = set()
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, IndexError):
            # The command's name stands in parentheses and may hold anything.
            if int((folder / "stat").read_bytes().rpartition(b")")[2].split()[1]) == pid:
                found.add(int(folder.name))
    return found


def descendants(pid: int) -> set[int]:
    """All processes below a process."""
    found: set[int] = set()
    front = children(pid)
    while front:
        found |= front
        front = set().union(*map(children, front)) - found
    return found


def alive(pids: set[int]) -> set[int]:
    """Those that still run; one that has ended and waits to be reaped by its parent does not."""
    return {pid for pid in pids if _state(pid) not in _ENDED}


_ENDED = (b"Z", b"X", b"")


def _state(pid: int) -> bytes:
    """The letter of proc_pid_stat(5); empty when the process is gone."""
    try:
        # The command's name stands in parentheses and may hold anything.
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0]
    except (OSError, IndexError):
        return b""


def resident_bytes(pid: int) -> int:
    """Resident memory of a process with its descendants; shared pages count for each."""
    return sum(map(_resident_bytes, {pid, *descendants(pid)}))


def _resident_bytes(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_bytes().split()[1]) * _PAGE_BYTES
    except (OSError, IndexError):
        return 0


def send(pid: int, number: int) -> None:
    """Sends a signal to a process that may be gone."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def send_to_group(pid: int, number: int) -> None:
    """Sends a signal to a process group that may be gone."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)
