"""Code that forges the end of its run and goes on is stopped. The run ends with the forged result."""

import os
import signal
from collections.abc import Iterator
from copy import replace
from pathlib import Path

import pytest

from interlock.sandbox import Completed
from tests.process.sandbox.harness import PATIENT, Harness, alive, wait_until

FORGED = """
import os, struct, sys
frame = sys._getframe()
while "channel" not in frame.f_locals or not hasattr(frame.f_locals["channel"], "_token"):
    frame = frame.f_back
token = frame.f_locals["channel"]._token

def forge(text):
    os.write(4, token + struct.pack(">BBQ", 3, 0, len(text)) + text.encode())

def count():
    with open({path!r}, "ab", buffering=0) as file: file.write(b"x")
"""
"""Source that reads the run's token from the frames of its thread."""

GOES_ON = {
    "in a loop": "forge(str(os.getpid()))\nwhile True: count()",
    "between naps": "import time\nforge(str(os.getpid()))\nwhile True: count(); time.sleep(0.001)",
    "after a sleep": "import time\nforge(str(os.getpid()))\ntime.sleep(0.4)\nwhile True: count()",
    "as if it waited for a request": "forge(str(os.getpid()))\nos.read(3, 1)\nwhile True: count()",
    "in a thread": """
import threading, time
def go_on():
    while True: count(); time.sleep(0.001)
threading.Thread(target=go_on).start()
forge(str(os.getpid()))
os.kill(os.getpid(), 19)
""",
    "in a native thread": """
import ctypes
libc = ctypes.CDLL(None)
libc.pthread_create(ctypes.byref(ctypes.c_ulong()), None, libc.pause, None)
forge(str(os.getpid()))
os.kill(os.getpid(), 19)
""",
    "in a child": """
import time
if (child := os.fork()) == 0:
    while True: count(); time.sleep(0.001)
forge(str(child))
os.kill(os.getpid(), 19)
""",
    "in an orphan": """
import time
if os.fork() == 0:
    if (child := os.fork()) == 0:
        os.setsid()
        while True: count(); time.sleep(0.001)
    forge(str(child))
    os._exit(0)
os.wait()
time.sleep(60)
""",
}


@pytest.mark.parametrize("way", GOES_ON)
def test_code_that_goes_on_after_a_forged_result_is_ended(harness: Harness, tmp_path: Path, way: str) -> None:
    ending = harness.run(FORGED.format(path=str(tmp_path / "count")) + GOES_ON[way])

    assert isinstance(ending, Completed)
    assert not alive(int(ending.payload))
    assert not alive(ending.pid)


IN_HANDLER = """
import signal
signal.signal(signal.SIGALRM, lambda *_: count())
signal.setitimer(signal.ITIMER_REAL, 1, 1)
forge("")
while True: os.kill(os.getpid(), signal.SIGSTOP)
"""


def test_a_timer_of_a_worker_that_seems_idle_does_not_ring(harness: Harness, tmp_path: Path) -> None:
    """The main thread waits where an idle worker process does, so the process is stopped. The pending timer ends it."""
    path = tmp_path / "count"
    ending = harness.run(FORGED.format(path=str(path)) + IN_HANDLER)
    wait_until(lambda: _status(ending.pid, "State") == "T", "it is stopped")
    wait_until(lambda: _status(ending.pid, "ShdPnd") != "0" * 16, "the timer is over")

    assert harness.pid() != ending.pid
    assert not alive(ending.pid)
    assert not path.exists()


CONTINUED = {
    "by orphans": """
import signal
pid = os.getpid()
for _ in range(4):
    if os.fork() == 0:
        os.setsid()
        if os.fork(): os._exit(0)
        while True: os.kill(pid, signal.SIGCONT)
    os.wait()
""",
    "by a timer": """
import ctypes, struct
libc = ctypes.CDLL(None)
timer = ctypes.c_void_p()
event = struct.pack("=Qii48x", 0, 18, 0)
assert libc.timer_create(1, event, ctypes.byref(timer)) == 0
assert libc.timer_settime(timer, 0, struct.pack("=4q", 0, 50_000_000, 0, 200_000_000), None) == 0
""",
}
"""Ways in which a stopped worker process is sent SIGCONT."""

SLEEPS_IN_A_THREAD = """
import threading, time
forged = threading.Event()
def go_on():
    forged.wait()
    time.sleep(0.3)
    while True: count()
threading.Thread(target=go_on, daemon=True).start()
#ready
"""


@pytest.fixture
def unfiltered() -> Iterator[Harness]:
    """A sandbox without seccomp, which would reject the timer."""
    harness = Harness.new(preload=["tests.process.sandbox.no_filters"])
    yield harness
    harness.sandbox.close()


@pytest.mark.parametrize("way", CONTINUED)
def test_a_worker_that_would_be_continued_while_idle_is_ended(unfiltered: Harness, tmp_path: Path, way: str) -> None:
    source = FORGED.format(path=str(tmp_path / "count")) + SLEEPS_IN_A_THREAD + CONTINUED[way]
    ending = unfiltered.run(source + "forged.set()\nforge('')\nos.kill(os.getpid(), 19)")

    assert isinstance(ending, Completed)
    assert not alive(ending.pid) or _status(ending.pid, "State") == "T"


def _status(pid: int, name: str) -> str:
    line = next(one for one in Path(f"/proc/{pid}/status").read_text().splitlines() if one.startswith(name))
    return line.split()[1]


def _states_of_threads(pid: int) -> set[str]:
    return {_status(int(task.name), "State") for task in Path(f"/proc/{pid}/task").iterdir()}


def test_memory_taken_after_a_forged_result_is_noticed(harness: Harness, tmp_path: Path) -> None:
    source = (
        FORGED.format(path=str(tmp_path / "count")) + "forge('')\nkept = b'x' * 400_000_000\nos.kill(os.getpid(), 19)"
    )
    ending = harness.run(source, replace(PATIENT, memory_mb=200))

    assert isinstance(ending, Completed)
    assert not alive(ending.pid)


def test_memory_that_grows_after_a_forged_result_is_bounded(harness: Harness, tmp_path: Path) -> None:
    source = (
        FORGED.format(path=str(tmp_path / "count")) + "forge('')\nkept = []\nwhile True: kept.append(b'x' * 10_000_000)"
    )
    ending = harness.run(source, replace(PATIENT, memory_mb=200))

    assert isinstance(ending, Completed)
    assert not alive(ending.pid)


def test_an_idle_worker_is_stopped(harness: Harness) -> None:
    pid = harness.pid()

    wait_until(lambda: _status(pid, "State") == "T", "it is stopped")
    assert harness.pid() == pid


def test_an_idle_worker_that_was_continued_is_replaced(harness: Harness) -> None:
    pid = harness.pid()
    wait_until(lambda: _status(pid, "State") == "T", "it is stopped")
    os.kill(pid, signal.SIGCONT)
    wait_until(lambda: _status(pid, "State") == "S", "it runs again")

    assert harness.pid() != pid
    assert not alive(pid)


def test_an_idle_worker_that_was_continued_for_a_while_is_replaced(harness: Harness) -> None:
    pid = harness.pid()
    for number, state in (0, "T"), (signal.SIGCONT, "S"), (signal.SIGSTOP, "T"):
        os.kill(pid, number)
        wait_until(lambda state=state: _status(pid, "State") == state, "the signal has arrived")  # type: ignore[misc]

    assert harness.pid() != pid
    assert not alive(pid)


def test_a_thread_that_never_sleeps_is_stopped_between_the_runs(fresh: Harness, tmp_path: Path) -> None:
    """The thread was started while loading, so it is not residue of the run and may stay."""
    path = tmp_path / "count"
    path.touch()
    loading = f"""
import threading
def spin():
    with open({str(path)!r}, "ab", buffering=0) as file:
        while True: file.write(b"x")
threading.Thread(target=spin, daemon=True).start()
#ready
import os
result = os.getpid()
"""
    pid = int(fresh.result(loading))
    wait_until(lambda: _states_of_threads(pid) == {"T"}, "all of its threads are stopped")
    counted = path.stat().st_size

    fresh.pid(key="another")
    assert path.stat().st_size == counted
    goes_on = f"import os, time\nwhile os.path.getsize({str(path)!r}) == {counted}: time.sleep(0.001)\n"
    assert fresh.result(goes_on + "result = os.getpid()") == str(pid)


def test_workers_that_are_stopped_end_with_their_zygote(fresh: Harness) -> None:
    pids = [fresh.pid(key=key) for key in ("one", "other")]
    for pid in pids:
        wait_until(lambda pid=pid: _status(pid, "State") == "T", "it is stopped")  # type: ignore[misc]
    os.kill(fresh.zygote.pid, signal.SIGKILL)

    for pid in pids:
        wait_until(lambda pid=pid: not alive(pid), "it is gone")  # type: ignore[misc]
