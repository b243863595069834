"""All processes that a run has started have ended when it ends, whichever process was killed."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from copy import replace
from pathlib import Path

import pytest

from interlock.sandbox import Cancelled, CancelToken, Completed, Crashed, LogLine, Sandbox, WorkerLost
from interlock.sandbox.supervisor.zygote_process import ZygoteProcess
from tests.process.sandbox.harness import KILLED, LOSES_ZYGOTE, PATIENT, Harness, alive, wait_until
from tests.volume import volume

FAMILY = """
import os, time
def tell():
    open(f"{channel.temp_dir}/{os.getpid()}", "w").close()
    channel.log("info", str(os.getpid()))
tell()
if os.fork() == 0:
    tell()  # a child
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            tell()  # an orphan in its own session
            time.sleep(600)
        os._exit(0)
    time.sleep(600)
time.sleep(600)
"""
SIZE = 3


def test_a_whole_family_is_gone(harness: Harness) -> None:
    token = CancelToken()
    told: list[LogLine] = []

    def listen(line: LogLine) -> None:
        told.append(line)
        if len(told) == SIZE:
            token.set("all are there")

    ending = harness.run(
        "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + FAMILY,
        replace(PATIENT, grace_s=0.1),
        cancel=token,
        on_log=listen,
    )

    token.close()
    pids = {int(line.message) for line in told}
    assert ending == Cancelled(pid=ending.pid, how="killed")
    assert ending.pid in pids
    assert len(pids) == SIZE
    assert not [pid for pid in pids if alive(pid)]


def test_forks_that_keep_forking_are_gone(harness: Harness) -> None:
    """Each child forks again in a new session. The fork bomb is bounded by its own counter, because root has no process
    limit."""
    source = """
import os, signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
def on(depth):
    while True:
        if os.fork() == 0:
            os.setsid()
            if depth:
                on(depth - 1)
            os._exit(0)
        try:
            if depth: os.waitpid(-1, os.WNOHANG)
            else: os.wait()
        except BaseException: pass
for _ in range(4):
    if os.fork() == 0: on(1)
on(0)
"""
    ending = harness.run(source, KILLED)

    assert not alive(ending.pid)
    harness.assert_nothing_left()


@pytest.mark.parametrize("seed", range(volume(sample=1, full=4)))
def test_a_zygote_killed_at_any_moment_leaves_nothing(harness: Harness, seed: int) -> None:
    random_moment = random.Random(seed)
    for turn in range(volume(sample=12, full=25)):
        zygote = harness.zygote
        killer = threading.Thread(target=_kill_later, args=(zygote.pid, random_moment.uniform(0, 0.02)))
        killer.start()

        ending = harness.run(
            "import os, time\nif os.fork() == 0:\n    os.setsid()\n    time.sleep(60)\nresult = 1", key=str(turn % 5)
        )

        killer.join()
        assert isinstance(ending, Completed | WorkerLost)
        assert not alive(ending.pid)
        wait_until(lambda zygote=zygote: not alive(zygote.pid), "the zygote is gone")  # type: ignore[misc]
        harness.assert_usable()


def _kill_later(pid: int, pause_s: float) -> None:
    time.sleep(pause_s)
    os.kill(pid, signal.SIGKILL)


OUTLIVES_ITS_ZYGOTE = """
import ctypes, os, time
ctypes.CDLL(None).prctl(1, 0, 0, 0, 0)  # PR_SET_PDEATHSIG
if os.fork() == 0:
    os.setsid()
    time.sleep(60)
"""


@pytest.mark.parametrize("before", ["", OUTLIVES_ITS_ZYGOTE], ids=["worker", "worker that outlives it"])
def test_a_zygote_killed_during_a_run_loses_the_worker_and_nothing_is_left(harness: Harness, before: str) -> None:
    pid = harness.pid()

    ending = harness.run(before + LOSES_ZYGOTE, on_log=harness.kill_zygote)

    assert ending == WorkerLost(pid=pid)
    assert not alive(pid)
    harness.assert_usable()


def test_a_zygote_stopped_during_a_run_ends_its_worker_all_the_same(harness: Harness) -> None:
    pid = harness.pid()

    ending = harness.run(LOSES_ZYGOTE, on_log=lambda _: _stop_and_kill(harness.zygote.pid, pid))

    assert ending == Crashed(pid=pid, exit_code=None, signal=signal.SIGKILL, while_loading=False)
    harness.assert_usable()


def _stop_and_kill(zygote: int, worker: int) -> None:
    os.kill(zygote, signal.SIGSTOP)
    os.kill(worker, signal.SIGKILL)


def test_a_zygote_killed_before_it_forks_is_replaced_unseen() -> None:
    for _ in range(5):
        harness = Harness.new()
        harness.zygote._process.kill()

        assert isinstance(harness.run("result = 1"), Completed)
        harness.sandbox.close()


def test_a_zygote_that_dies_whenever_it_starts_loses_the_worker() -> None:
    harness = Harness.new(preload=["tests.process.sandbox.preload_exits"])

    ending = harness.run("result = 1")

    harness.sandbox.close()
    assert ending == WorkerLost(pid=0)


def test_a_preload_that_fails_is_left_to_the_worker(capfd: pytest.CaptureFixture[str]) -> None:
    harness = Harness.new(preload=["nothing_of_this_name"])

    assert harness.result("result = 1") == "1"
    harness.sandbox.close()
    assert "nothing_of_this_name could not be imported ahead: ModuleNotFoundError" in capfd.readouterr().err


def test_a_zygote_that_does_not_answer_is_replaced(fresh: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    """The zygote is stopped, and SIGCONT does not reach it."""
    pid = fresh.pid()
    zygote = fresh.zygote
    zygote._commands._socket.settimeout(0.2)
    send = zygote._process.send_signal
    monkeypatch.setattr(zygote._process, "send_signal", lambda number: number == signal.SIGCONT or send(number))

    ending = fresh.run(LOSES_ZYGOTE, on_log=lambda _: _stop_and_kill(zygote.pid, pid))

    assert ending == WorkerLost(pid=pid)
    assert not alive(zygote.pid)
    fresh.assert_usable()


def test_an_interrupted_question_is_not_answered_by_the_next(fresh: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C interrupts the wait for the zygote's answer, which the next command must not take for its own."""
    fresh.pid()
    before = fresh.zygote

    class Interrupted:
        def __init__(self, control: object) -> None:
            self._control = control

        def recv(self, _size: int) -> bytes:
            raise KeyboardInterrupt

        def __getattr__(self, name: str) -> object:
            return getattr(self._control, name)

    monkeypatch.setattr(before._commands, "_socket", Interrupted(before._commands._socket))
    with pytest.raises(KeyboardInterrupt):
        fresh.run("import os\nos._exit(1)")

    assert not alive(before.pid)
    fresh.assert_usable()


def test_a_sandbox_does_not_end_processes_of_another(fresh: Harness) -> None:
    other = Harness.new()
    pid = other.pid()
    child = subprocess.Popen(["sleep", "60"])
    try:
        fresh.run(LOSES_ZYGOTE, on_log=fresh.kill_zygote)

        assert alive(child.pid)
        assert other.pid() == pid
    finally:
        child.kill()
        child.wait()
        other.sandbox.close()


def test_closing_the_sandbox_ends_all_processes(fresh: Harness) -> None:
    pids = {fresh.pid(key=str(n)) for n in range(3)}
    folder, zygote = fresh.zygote.folders.root, fresh.zygote.pid

    fresh.sandbox.close()

    assert not [pid for pid in {*pids, zygote} if alive(pid)]
    assert not Path(folder).exists()
    assert zygote not in ZygoteProcess.running


SUPERVISOR = f"""
import sys
from tests.process.sandbox.harness import Harness
harness = Harness.new()
harness.pid(key="idle")
print(harness.zygote.pid, harness.zygote.folders.root, flush=True)
harness.run({FAMILY!r}, on_log=lambda line: print(line.message, flush=True))
"""


def test_nothing_is_left_of_a_supervisor_that_was_killed() -> None:
    root = Path(__file__).parents[3]
    supervisor = subprocess.Popen([sys.executable, "-c", SUPERVISOR], cwd=root, stdout=subprocess.PIPE, text=True)
    assert supervisor.stdout is not None
    zygote, folder = supervisor.stdout.readline().split()
    pids = {int(supervisor.stdout.readline()) for _ in range(SIZE)} | {int(zygote)}
    assert all(map(alive, pids))
    assert Path(folder).exists()

    supervisor.kill()
    supervisor.wait()

    wait_until(lambda: not any(map(alive, pids)), "all processes are gone")
    wait_until(lambda: not Path(folder).exists(), "the directory is gone")
    supervisor.stdout.close()


def test_a_supervisor_that_ends_without_closing_leaves_nothing() -> None:
    root = Path(__file__).parents[3]
    script = "from tests.process.sandbox.harness import Harness\nb = Harness.new()\nprint(b.pid(), b.zygote.pid)"
    told = subprocess.run([sys.executable, "-c", script], cwd=root, capture_output=True, text=True, check=True).stdout

    wait_until(lambda: not any(alive(int(pid)) for pid in told.split()), "worker and zygote are gone")


def test_a_sandbox_can_be_started_twice() -> None:
    sandbox = Sandbox("tests.process.sandbox.target:serve")
    sandbox.start()
    zygote = sandbox._pool.zygote
    sandbox.start()

    assert sandbox._pool.zygote is zygote
    sandbox.close()
