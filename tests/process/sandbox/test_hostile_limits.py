"""Hostile code that runs into the limits of time and memory."""

from copy import replace
from unittest.mock import ANY

import pytest

from interlock.sandbox import TimedOut
from tests.process.sandbox.harness import KILLED, PATIENT, STOPPED, Harness
from tests.process.sandbox.hostile import (
    BY_FORCE,
    FROM_TEMPLATE,
    IN_TIME,
    ISOLATIONS,
    ORPHAN,
    SMALL,
    TOO_MUCH,
    Behavior,
    assert_contained,
    completed,
)
from tests.volume import volume

LOCKED_IN_C = """
import ctypes
mutex = ctypes.create_string_buffer(64)
libc = ctypes.PyDLL(None)  # keeps the interpreter lock
libc.pthread_mutex_lock(mutex)
libc.pthread_mutex_lock(mutex)
"""


BEHAVIORS: dict[str, Behavior] = {
    # Time
    "sleep": (
        """
import time
time.sleep(60)
""",
        STOPPED,
        IN_TIME,
    ),
    "loop": ("while True: pass", STOPPED, IN_TIME),
    "slow answer after the stop": (
        """
import time
try:
    time.sleep(60)
except Stop:
    result = 'late'
""",
        STOPPED,
        IN_TIME,
    ),
    "swallowed stop": (
        """
import time
while True:
    try:
        time.sleep(60)
    except BaseException: pass
""",
        KILLED,
        BY_FORCE,
    ),
    "ignored SIGTERM": (
        """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
time.sleep(60)
""",
        KILLED,
        BY_FORCE,
    ),
    "blocked SIGTERM": (
        """
import signal, time
signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
time.sleep(60)
""",
        KILLED,
        BY_FORCE,
    ),
    "C that holds the interpreter lock": (LOCKED_IN_C, KILLED, BY_FORCE),
    "stops itself": (
        """
import os, signal
os.kill(os.getpid(), signal.SIGSTOP)
""",
        KILLED,
        BY_FORCE,
    ),
    "slow import": (
        """
import time
time.sleep(60)
#ready
""",
        replace(PATIENT, load_s=0.3),
        TimedOut(pid=ANY, how="stopped", while_loading=True),
    ),
    "log lines while loading, again and again": (
        """
while True: channel._send(2, b'')
#ready
""",
        replace(PATIENT, load_s=0.3),
        TimedOut(pid=ANY, how="stopped", while_loading=True),
    ),
    "loaded, again and again": ("while True: channel._send(1, bytes(4))", STOPPED, IN_TIME),
    # Memory
    "memory bomb": (
        """
kept = []
while True: kept.append(bytearray(1_000_000))
""",
        SMALL,
        TOO_MUCH,
    ),
    "native memory bomb": (
        """
import ctypes
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
while True: libc.memset(ctypes.c_void_p(libc.malloc(1_000_000)), 1, 1_000_000)
""",
        SMALL,
        TOO_MUCH,
    ),
    "memory bomb in an orphan": (
        ORPHAN.format(child="kept = [bytearray(1_000_000) for _ in range(800)]; time.sleep(60)") + "time.sleep(60)",
        SMALL,
        TOO_MUCH,
    ),
    "memory of many children": (
        """
import os, time
for _ in range(10):
    if os.fork() == 0:
        kept = bytearray(b'x') * 50_000_000; time.sleep(60)
time.sleep(60)
""",
        SMALL,
        TOO_MUCH,
    ),
    "all memory at once": (
        """
try: kept = bytearray(1 << 40)
except MemoryError: result = 'refused'
""",
        SMALL,
        completed("refused"),
    ),
}


@pytest.mark.parametrize("isolation", volume(sample=FROM_TEMPLATE, full=ISOLATIONS))
@pytest.mark.parametrize("name", BEHAVIORS)
def test_hostile_code_is_stopped_at_its_limits(harness: Harness, name: str, isolation: str) -> None:
    assert_contained(harness, name, BEHAVIORS[name], isolation)
