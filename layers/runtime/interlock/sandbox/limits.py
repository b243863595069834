"""The limits of a run, and what of them the kernel enforces."""

import contextlib
import resource
from dataclasses import dataclass

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """`wall_s` counts from when the worker is ready, `load_s` until then, `grace_s` from SIGTERM to SIGKILL (seconds).
    `memory_mb` is resident memory with that of child processes (MiB). Log lines over their limits are dropped."""

    wall_s: float
    load_s: float
    memory_mb: int
    result_bytes: int
    log_lines: int = 1000
    log_bytes: int = 64 * 1024
    grace_s: float = 2.0


def no_core_dumps() -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def bound_memory(memory_mb: int) -> None:
    """Bounds what the process may allocate: a backstop for what grows faster than the resident size is watched.

    Twice the limit and some more, since allocated is not resident: thread stacks and arenas are counted here.
    """
    with contextlib.suppress(ValueError, OSError):  # macOS knows the limit and refuses it
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        resource.setrlimit(resource.RLIMIT_DATA, ((2 * memory_mb + 512) * MIB, hard))
