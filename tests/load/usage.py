"""The resources of a running stack: processes, descriptors and memory."""

import os
from dataclasses import dataclass
from pathlib import Path

from interlock.sandbox.wire.processes import descendants

_PAGE_KB = os.sysconf("SC_PAGE_SIZE") // 1024


@dataclass(frozen=True, slots=True)
class Usage:
    """A measurement. Memory is the proportional set size. The first process serves the gateway and the local AWS: its
    memory includes all jobs, and its descriptors include all connections."""

    processes: int
    memory_mb: float
    first_descriptors: int
    first_memory_mb: float


def usage(pid: int) -> Usage:
    """Measure a stack by the id of its first process."""
    others = list(descendants(pid))
    first_mb = _memory_kb(pid) / 1024
    return Usage(
        processes=1 + len(others),
        memory_mb=first_mb + sum(map(_memory_kb, others)) / 1024,
        first_descriptors=_descriptors(pid),
        first_memory_mb=first_mb,
    )


def _descriptors(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def _memory_kb(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    except PermissionError:
        # Processes of the sandbox hide their memory from other users than root.
        _, resident, shared, *_ = Path(f"/proc/{pid}/statm").read_text().split()
        return (int(resident) - int(shared)) * _PAGE_KB
    except (FileNotFoundError, ProcessLookupError):
        return 0
