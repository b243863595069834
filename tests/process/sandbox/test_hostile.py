"""Harm that code may do to its worker: each sample has its exact ending, the next run of the same key completes, and
no process or file is left (which the fixture asserts)."""

import signal
from dataclasses import replace
from unittest.mock import ANY

import pytest

from interlock.sandbox import Completed, Crashed, Ending, Limits, MemoryExceeded, OutputTooLarge, TimedOut
from interlock.sandbox.worker.child import EXIT_ESCAPED
from tests.process.sandbox.bench import KILLED, PATIENT, STOPPED, Bench


def completed(payload: str) -> Ending:
    return Completed(pid=ANY, payload=payload.encode())


def exited(code: int, *, while_loading: bool = False) -> Ending:
    return Crashed(pid=ANY, exit_code=code, signal=None, while_loading=while_loading)


def ended_by(number: int) -> Ending:
    return Crashed(pid=ANY, exit_code=None, signal=number, while_loading=False)


ESCAPED = exited(EXIT_ESCAPED)
IN_TIME = TimedOut(pid=ANY, how="stopped", while_loading=False)
BY_FORCE = TimedOut(pid=ANY, how="killed", while_loading=False)
TOO_MUCH = MemoryExceeded(pid=ANY, resident_mb=ANY)
SMALL = replace(PATIENT, memory_mb=200)

LOCKED_IN_C = """
import ctypes
mutex = ctypes.create_string_buffer(64)
libc = ctypes.PyDLL(None)  # keeps the interpreter lock
libc.pthread_mutex_lock(mutex)
libc.pthread_mutex_lock(mutex)
"""
ORPHAN = """
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        {child}
    os._exit(0)
os.wait()
"""

BEHAVIOURS: dict[str, tuple[str, Limits, Ending]] = {
    # Exceptions that get out
    "exception": ("raise ValueError('no')", PATIENT, ESCAPED),
    "base exception": ("raise BaseException('no')", PATIENT, ESCAPED),
    "SystemExit": (
        """
import sys
sys.exit(4)
""",
        PATIENT,
        ESCAPED,
    ),
    "KeyboardInterrupt": ("raise KeyboardInterrupt", PATIENT, ESCAPED),
    "exception group": ("raise BaseExceptionGroup('two', [ValueError(), SystemExit()])", PATIENT, ESCAPED),
    "exception without a text": (
        """
class Mute(Exception):
    def __str__(self): raise SystemExit(1)
raise Mute
""",
        PATIENT,
        ESCAPED,
    ),
    "exception hook that exits": (
        """
import os, sys
sys.excepthook = lambda *_: os._exit(9)
raise ValueError
""",
        PATIENT,
        exited(9),
    ),
    "recursion": (
        """
def again(): again()
again()
""",
        PATIENT,
        ESCAPED,
    ),
    "recursion in C": (
        """
import json
nested = []
for _ in range(100_000): nested = [nested]
json.dumps(nested)
""",
        PATIENT,
        ESCAPED,
    ),
    # Ends of the process
    "os._exit": (
        """
import os
os._exit(3)
""",
        PATIENT,
        exited(3),
    ),
    "os._exit(0)": (
        """
import os
os._exit(0)
""",
        PATIENT,
        exited(0),
    ),
    "abort": (
        """
import os
os.abort()
""",
        PATIENT,
        ended_by(signal.SIGABRT),
    ),
    "segfault": (
        """
import ctypes
ctypes.string_at(0)
""",
        PATIENT,
        ended_by(signal.SIGSEGV),
    ),
    "kill itself": (
        """
import os
os.kill(os.getpid(), 9)
""",
        PATIENT,
        ended_by(signal.SIGKILL),
    ),
    "kill its group": (
        """
import os
os.kill(0, 9)
""",
        PATIENT,
        ended_by(signal.SIGKILL),
    ),
    "SIGTERM to itself": (
        """
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_DFL)
os.kill(os.getpid(), signal.SIGTERM)
time.sleep(60)
""",
        PATIENT,
        ended_by(signal.SIGTERM),
    ),
    "left alarm": (
        """
import signal, time
signal.setitimer(signal.ITIMER_REAL, 0.01)
time.sleep(60)
""",
        PATIENT,
        ended_by(signal.SIGALRM),
    ),
    "import that exits": (
        """
import os
os._exit(3)
#ready
""",
        PATIENT,
        exited(3, while_loading=True),
    ),
    "import that raises": (
        """
import nothing_of_this_name
#ready
""",
        PATIENT,
        exited(EXIT_ESCAPED, while_loading=True),
    ),
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
    "never ready, again and again": (
        """
while True: channel._send(2, b'')
#ready
""",
        replace(PATIENT, load_s=0.3),
        TimedOut(pid=ANY, how="stopped", while_loading=True),
    ),
    "ready, again and again": ("while True: channel.ready()", STOPPED, IN_TIME),
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
    # Output
    "result over the limit": ("result = 'x' * 100_000_000", PATIENT, OutputTooLarge(pid=ANY, size_bytes=100_000_000)),
    "announces more than there is": (
        """
import os
os.write(4, channel._token + bytes([3, 0]) + b'\\xff' * 8)
while True: pass
""",
        PATIENT,
        OutputTooLarge(pid=ANY, size_bytes=(1 << 64) - 1),
    ),
    "garbage to every descriptor": (
        """
import os
for number in range(100):
    try:
        for _ in range(20): os.write(number, os.urandom(50_000))
    except OSError: pass
result = 'heard'
""",
        PATIENT,
        completed("heard"),
    ),
    "garbage in frames": (
        """
import os
for kind in range(256):
    for size in (0, 1, 7, 8, 9, 4096):
        if kind != 3: os.write(4, channel._token + bytes([kind, 255]) + size.to_bytes(8) + b'\\xff' * size)
result = 'heard'
""",
        PATIENT,
        completed("heard"),
    ),
    "all descriptors closed": (
        """
import os
os.closerange(0, 1000)
""",
        PATIENT,
        ESCAPED,
    ),
    "standard descriptors closed": (
        """
import os
os.closerange(0, 3)
result = 1
""",
        PATIENT,
        completed("1"),
    ),
    "streams closed": (
        """
import sys
sys.stdout.close()
sys.stderr.close()
result = 1
""",
        PATIENT,
        completed("1"),
    ),
    "streams replaced": (
        """
import sys
sys.stdout = sys.stderr = None
result = 1
""",
        PATIENT,
        completed("1"),
    ),
    "flood on stdout": (
        """
import os
line = b'x' * 99 + b'\\n'
for _ in range(2000): os.write(1, line * 500)
result = 1
""",
        PATIENT,
        completed("1"),
    ),
    "flood without a line's end": (
        """
import os
for _ in range(2000): os.write(2, bytes(50_000))
result = 1
""",
        PATIENT,
        completed("1"),
    ),
    "flood until the end of time": (
        """
import os
while True: os.write(1, b'\\n' * 60_000)
""",
        STOPPED,
        IN_TIME,
    ),
    "frames until the end of time": ("while True: channel.log('info', 'x' * 500)", STOPPED, IN_TIME),
    "10,000 times progress": (
        """
for n in range(10_000): channel.progress(n / 10_000, 'n')
result = 1
""",
        PATIENT,
        completed("1"),
    ),
    "progress that is no number": (
        """
channel.progress(float('nan'), '\\ud800')
result = 1
""",
        PATIENT,
        completed("1"),
    ),
    # The state of the process
    "directory, environment, locale": (
        """
import locale, os
os.chdir('/')
os.environ.clear()
locale.setlocale(locale.LC_ALL, 'C')
result = 1
""",
        PATIENT,
        completed("1"),
    ),
    "environment replaced": (
        """
import os
os.environ = None
result = 1
""",
        PATIENT,
        completed("1"),
    ),
    "monkeypatched json": (
        """
import json
json.dumps = json.loads = json.JSONDecoder = json.JSONEncoder = None
result = 1
""",
        PATIENT,
        completed("1"),
    ),
    "monkeypatched os": (
        """
import os
os.getcwd = os.chdir = os.umask = os.getpid = os.nice = None
result = 1
""",
        PATIENT,
        completed("1"),
    ),
    "state that cannot be read": (
        """
import locale
locale.setlocale = 1 / 2
result = 1
""",
        PATIENT,
        completed("1"),
    ),
    "own signal handlers": (
        """
import signal
for n in signal.valid_signals() - {9, 19, 32, 33}: signal.signal(n, print)
result = 1
""",
        PATIENT,
        completed("1"),
    ),
    "no descriptors left to open": (
        """
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))
result = 1
""",
        PATIENT,
        completed("1"),
    ),
    "no processor time left": (
        """
import resource
resource.setrlimit(resource.RLIMIT_CPU, (0, 0))
while True: pass
""",
        PATIENT,
        ended_by(signal.SIGKILL),
    ),
}


@pytest.mark.parametrize("behaviour", BEHAVIOURS)
def test_it_ends_as_it_has_to_and_nothing_is_left(bench: Bench, behaviour: str) -> None:
    source, limits, expected = BEHAVIOURS[behaviour]

    ending = bench.run(source, limits, key=behaviour)

    assert ending == expected
    bench.assert_nothing_left()
    assert bench.result("result = 'next'", key=behaviour) == "next"
