"""The limit of resident memory: the interval of its checks, the memory that counts, and the kernel's own limits."""

import os
import resource
import time
from collections.abc import Callable, Iterable
from copy import replace
from types import SimpleNamespace

import pytest

from interlock.sandbox import Completed, MemoryExceeded
from interlock.sandbox.supervisor import memory
from interlock.sandbox.supervisor.memory import MemoryWatch
from interlock.sandbox.wire.protocol import MIB
from interlock.sandbox.worker import resource_limits
from interlock.sandbox.worker.resource_limits import bound_run
from tests.process.sandbox.harness import PATIENT, Harness

LIMIT_MB = 200
BOUNDED = replace(PATIENT, memory_mb=LIMIT_MB)
HOLD = "import time\nkept = bytearray(b'x') * {mib} * 1024 * 1024\n"


def watch(monkeypatch: pytest.MonkeyPatch, sizes_mb: dict[int, int], exact_mb: dict[int, int]) -> MemoryWatch:
    """A watch of processes with these sizes and a limit of 100 MiB."""
    monkeypatch.setattr(memory, "resident_bytes", lambda pid: sizes_mb[pid] * MIB)
    monkeypatch.setattr(memory, "proportional_bytes", lambda pid: exact_mb[pid] * MIB)
    return MemoryWatch(100, lambda: iter(sizes_mb))


@pytest.mark.parametrize(
    ("sizes", "exact", "found"),
    [
        ({1: 100}, {}, None),
        ({1: 101}, {}, 101),
        ({1: 60, 2: 60}, {1: 50, 2: 50}, None),
        ({1: 60, 2: 60}, {1: 55, 2: 50}, 105),
        ({}, {}, None),
    ],
)
def test_usage_over_the_limit_is_found(
    monkeypatch: pytest.MonkeyPatch, sizes: dict[int, int], exact: dict[int, int], found: int | None
) -> None:
    assert watch(monkeypatch, sizes, exact).look() == (found and found * MIB)


def test_memory_is_checked_more_often_near_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = {1: 0}
    one = watch(monkeypatch, sizes, {})
    monkeypatch.setattr(memory, "time", SimpleNamespace(monotonic=lambda: 7.0))
    pauses = []
    for size in (0, 50, 90, 99, 100):
        sizes[1] = size
        one.look()
        pauses.append(one.next_look_at - 7)

    assert pauses == sorted(pauses, reverse=True)
    assert 0 < pauses[-1] <= pauses[0] <= 0.1


def test_exact_size_of_too_many_processes_is_estimated_from_the_largest(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand processes share half of their memory and are slow to measure."""
    asked = []

    def exact(pid: int) -> int:
        asked.append(pid)
        time.sleep(0.005)
        return sizes[pid] * MIB // 2

    sizes = {pid: 1 + (pid == 500) * 20 for pid in range(1000)}
    one = watch(monkeypatch, sizes, {})
    monkeypatch.setattr(memory, "proportional_bytes", exact)

    assert one.look() == pytest.approx(1020 * MIB / 2, rel=0.01)
    assert asked[0] == 500
    assert len(asked) < 1000


def test_memory_check_of_too_many_processes_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    def endless() -> Iterable[int]:
        while True:
            yield 1

    monkeypatch.setattr(memory, "resident_bytes", lambda pid: 0)

    assert MemoryWatch(1, endless).look() is None


def test_run_is_stopped_well_before_twice_the_limit(harness: Harness) -> None:
    """Native code fills memory at the highest possible speed."""
    ending = harness.run(
        "import ctypes\nlibc = ctypes.CDLL(None)\nlibc.malloc.restype = ctypes.c_void_p\n"
        "while True: libc.memset(ctypes.c_void_p(libc.malloc(1 << 20)), 1, 1 << 20)",
        BOUNDED,
    )

    assert isinstance(ending, MemoryExceeded)
    assert LIMIT_MB <= ending.resident_mb < 2 * LIMIT_MB


def test_memory_shared_by_forks_counts_once(harness: Harness) -> None:
    """The resident sizes of the processes add up to three times the limit."""
    ending = harness.run(
        HOLD.format(mib=100)
        + "import os\nfor _ in range(6):\n    if os.fork() == 0: time.sleep(60)\ntime.sleep(0.5)\nresult = 'within'",
        BOUNDED,
    )

    assert ending == Completed(pid=ending.pid, payload=b"within")


def test_memory_of_an_executed_program_counts(harness: Harness) -> None:
    ending = harness.run(
        "import subprocess, sys\n"
        "subprocess.run([sys.executable, '-c', 'import time; kept = b\"x\" * 400_000_000; time.sleep(60)'])",
        BOUNDED,
    )

    assert isinstance(ending, MemoryExceeded)


def test_an_idle_worker_does_not_count_for_another(harness: Harness) -> None:
    harness.result("import sys\nsys.kept = b'x' * 150_000_000\n#ready\n", key="idle")

    ending = harness.run(HOLD.format(mib=120) + "time.sleep(0.3)\nresult = 1", BOUNDED, key="lean")

    assert isinstance(ending, Completed)


def test_memory_that_is_not_touched_does_not_count(harness: Harness) -> None:
    ending = harness.run("import mmap, time\nkept = mmap.mmap(-1, 400 * 1024 * 1024)\ntime.sleep(0.3)", BOUNDED)

    assert isinstance(ending, Completed)


def test_more_than_the_backstop_is_refused_at_once(harness: Harness) -> None:
    """The allocation fails before any of it is resident, so the watch is not needed."""
    source = "try: bytearray((2 * 200 + 1025) << 20)\nexcept MemoryError: result = 'refused'"

    assert harness.result(source, BOUNDED) == "refused"


def test_200_threads_at_once_fit_a_small_limit(harness: Harness) -> None:
    source = """
import threading
together = threading.Barrier(200)
threads = [threading.Thread(target=together.wait) for _ in range(200)]
for thread in threads: thread.start()
for thread in threads: thread.join()
result = 200
"""

    assert harness.result(source, replace(PATIENT, memory_mb=256)) == "200"


def test_deep_recursion_in_a_thread_is_an_exception(harness: Harness) -> None:
    source = """
import threading
def recurse(_): return sorted([1, 2], key=recurse)
def run():
    global result
    try: recurse(1)
    except RecursionError: result = 'too deep'
thread = threading.Thread(target=run)
thread.start()
thread.join()
"""

    assert harness.result(source) == "too deep"


@pytest.mark.parametrize(
    ("machine_mb", "limit_mb", "bound_mb"),
    [(100_000, 100, 1224), (1000, 500, 750), (400, 500, 500), (2000, 500, 1500)],
)
def test_the_backstop_never_is_all_that_the_machine_has(
    monkeypatch: pytest.MonkeyPatch, machine_mb: int, limit_mb: int, bound_mb: int
) -> None:
    bounds: dict[int, int] = {}
    sizes = {"SC_PHYS_PAGES": machine_mb * MIB // 4096, "SC_PAGE_SIZE": 4096}
    monkeypatch.setattr(os, "sysconf", sizes.__getitem__)
    monkeypatch.setattr(resource_limits, "_bound", bounds.__setitem__)

    bound_run(limit_mb, "/tmp")

    assert bounds[resource.RLIMIT_DATA] == bound_mb * MIB


def test_a_disk_of_unknown_size_bounds_no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    bounds: dict[int, int] = {}
    nothing = os.statvfs_result([0] * 10)
    known: Callable[[str], os.statvfs_result] = lambda _path: nothing  # noqa: E731
    monkeypatch.setattr(os, "statvfs", known)
    monkeypatch.setattr(resource_limits, "_bound", bounds.__setitem__)

    bound_run(100, "/tmp")

    assert set(bounds) == {resource.RLIMIT_DATA}


def test_runs_of_a_process_reuse_the_memory_that_earlier_ones_freed(fresh: Harness) -> None:
    source = """
import resource
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for part in [b"x" * 1_000_000 for _ in range(5)]:
    del part
result = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
"""
    page_bytes = os.sysconf("SC_PAGE_SIZE")

    first, *later = [int(fresh.result(source)) for _ in range(4)]

    assert first > 4_000_000 / page_bytes
    assert max(later) < 1_000_000 / page_bytes
