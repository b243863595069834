"""Hostile code that leaves processes, threads or locks behind."""

import pytest

from tests.process.sandbox.harness import PATIENT, Harness
from tests.process.sandbox.hostile import (
    ESCAPED,
    FROM_TEMPLATE,
    ISOLATIONS,
    ORPHAN,
    Behavior,
    assert_contained,
    completed,
)
from tests.volume import volume

BEHAVIORS: dict[str, Behavior] = {
    # Processes
    "burst of 500 forks": (
        """
import os, time
for _ in range(500):
    if os.fork() == 0:
        time.sleep(60)
        os._exit(0)
result = 'forked'
""",
        PATIENT,
        completed("forked"),
    ),
    "orphan in its own session": (ORPHAN.format(child="time.sleep(60)"), PATIENT, completed("")),
    "orphan that ignores signals": (
        ORPHAN.format(
            child="import signal; [signal.signal(n, signal.SIG_IGN) for n in range(1, 32) if n not in (9, 19)];"
            " time.sleep(60)"
        ),
        PATIENT,
        completed(""),
    ),
    "fork that never stays": (
        ORPHAN.format(child="while True: os.fork() and os._exit(0); os.setsid()"),
        PATIENT,
        completed(""),
    ),
    "child that comes back": (
        """
import os
os.fork()
result = 'both'
""",
        PATIENT,
        completed("both"),
    ),
    "program that outlives it": (
        """
import subprocess
subprocess.Popen(['sleep', '60'], start_new_session=True)
result = 1
""",
        PATIENT,
        completed("1"),
    ),
    "child with SIGCHLD ignored": (
        """
import os, signal, time
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
if os.fork() == 0: time.sleep(60)
result = 1
""",
        PATIENT,
        completed("1"),
    ),
    # Threads
    "daemon thread that hangs": (
        """
import threading, time
threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
result = 1
""",
        PATIENT,
        completed("1"),
    ),
    "thread that hangs": (
        """
import threading, time
threading.Thread(target=time.sleep, args=(60,)).start()
result = 1
""",
        PATIENT,
        completed("1"),
    ),
    "atexit that hangs": (
        """
import atexit, time
atexit.register(time.sleep, 60)
raise SystemExit(0)
""",
        PATIENT,
        ESCAPED,
    ),
    "a thousand threads": (
        """
import threading, time
threading.stack_size(1 << 18)
for _ in range(1000): threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
result = 1
""",
        PATIENT,
        completed("1"),
    ),
    "lock left held": (
        """
import threading
threading.Lock().acquire()
result = 1
""",
        PATIENT,
        completed("1"),
    ),
    "import lock left held": (
        """
import _imp
_imp.acquire_lock()
result = 1
""",
        PATIENT,
        completed("1"),
    ),
}


@pytest.mark.parametrize("isolation", volume(sample=FROM_TEMPLATE, full=ISOLATIONS))
@pytest.mark.parametrize("name", BEHAVIORS)
def test_leftover_processes_threads_and_locks_are_removed(harness: Harness, name: str, isolation: str) -> None:
    assert_contained(harness, name, BEHAVIORS[name], isolation)
