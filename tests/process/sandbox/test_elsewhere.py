"""The sandbox with few permissions, as on Lambda (one writable directory, no shared memory), and outside Linux."""

import fcntl
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from copy import replace
from pathlib import Path
from typing import Any

import pytest

from interlock.sandbox import Cancelled, CancelToken, Completed, Crashed, TimedOut, WorkerLost
from interlock.sandbox.wire import processes
from tests.process.sandbox.harness import PATIENT, STOPPED, Harness, alive, wait_until

ROOT = Path(__file__).parents[3]
PROGRAM = [sys.executable, "-m", "tests.process.sandbox.on_lambda"]

NAMESPACE = """
set -e
mount -t tmpfs -o size=64m,mode=1777 tmpfs "$TMPDIR"
mkdir "$TMPDIR/dev"
mount -t tmpfs -o size=64k,mode=755 tmpfs "$TMPDIR/dev"
for device in null zero full random urandom; do
    touch "$TMPDIR/dev/$device"
    mount --bind "/dev/$device" "$TMPDIR/dev/$device"
done
ln -s /proc/self/fd "$TMPDIR/dev/fd"
umount --lazy --recursive /dev
mount --move "$TMPDIR/dev" /dev
rmdir "$TMPDIR/dev"
awk '{ print $5 }' /proc/self/mountinfo | while read -r place; do
    case "$place" in "$TMPDIR" | /proc*) ;; *) mount -o remount,bind,ro "$place" ;; esac
done
exec setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=+dac_read_search --ambient-caps=+dac_read_search \\
    prlimit --nofile=1024 --nproc=1024 "$@"
"""
"""Run as root, create a mount namespace with one small writable directory and without shared memory, then become an
unprivileged user, who may read root's files because the interpreter may be among them."""


def like_lambda(tmp_path: Path, *, hooked: bool) -> dict[str, Any]:
    """The program's findings. Without root, the audit hook replaces the namespace, and the user is already
    unprivileged."""
    tmp_path.chmod(0o777)
    command = [*PROGRAM, "hooked"]
    if os.getuid() == 0 and not hooked:
        command = ["unshare", "-m", "--propagation", "private", "sh", "-c", NAMESPACE, "sh", *PROGRAM]
    environ = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    environ |= {"TMPDIR": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.fixture(scope="module")
def unprivileged(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The findings of an unprivileged user, refused by the kernel if the tests run as root."""
    return like_lambda(tmp_path_factory.mktemp("lambda"), hooked=False)


@pytest.mark.parametrize("hooked", [False, True], ids=["refused by the kernel", "refused by a hook"])
def test_one_writable_directory_is_enough(unprivileged: dict[str, Any], tmp_path: Path, hooked: bool) -> None:
    found = like_lambda(tmp_path, hooked=True) if hooked else unprivileged

    by_kernel = os.getuid() == 0 and not hooked
    if by_kernel:
        assert found["mounted for writing"] == ["<all>"]
        assert not found["shared memory"]
        assert "b'full'" in found["filled"]  # the disk is empty again: the next run got a directory
    # Both are below the writable directory. The hook cannot see semaphores, which are created in shared memory.
    assert set(found["writable"]) - ({"semaphores"} if not by_kernel else set()) == {"<zygote's>", "<run's>"}
    assert "Completed" in found["closed folders"]
    assert found["large"] == 1 << 20
    assert found["left"] == []


def test_an_unprivileged_user_is_enough_and_learns_nothing(unprivileged: dict[str, Any]) -> None:
    found = unprivileged

    assert found["uid"] != 0
    assert found["read of others"] == "[]"
    assert found["zygote that may not fork"] == ["EAGAIN", "WorkerProcess"]
    assert found["no process at all"] == "WorkerLost"
    assert found["fork bomb"] == "TimedOut"
    assert found["beside as many processes as runs may have"] == "Completed"
    assert found["left"] == []


@pytest.fixture
def not_linux(monkeypatch: pytest.MonkeyPatch) -> Iterator[Harness]:
    """Neither this process nor the zygote has prctl, /proc or pidfd."""
    monkeypatch.setattr(processes, "LINUX", False)
    monkeypatch.setattr(processes, "PROC", "/nowhere")
    monkeypatch.setattr(processes, "_LISTS_CHILDREN", False)
    monkeypatch.delattr(os, "pidfd_open")
    monkeypatch.delattr(os, "memfd_create")
    monkeypatch.delattr(signal, "pidfd_send_signal")
    monkeypatch.delattr(fcntl, "F_SETPIPE_SZ")
    harness = Harness.new(preload=["tests.process.sandbox.not_linux"])
    yield harness
    harness.sandbox.close()


def test_run_succeeds_outside_linux(not_linux: Harness) -> None:
    pid = not_linux.pid()

    assert not_linux.pid() == pid
    assert len(not_linux.result("result = 'x' * 1_000_000" + " " * 1_000_000)) == 1_000_000


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import os\nos._exit(3)", (3, None)),
        ("import os\nos.abort()", (None, signal.SIGABRT)),
        ("raise SystemExit", (70, None)),
    ],
)
def test_crash_is_seen_outside_linux(not_linux: Harness, source: str, expected: tuple[int | None, int | None]) -> None:
    ending = not_linux.run(source)

    assert isinstance(ending, Crashed)
    assert (ending.exit_code, ending.signal) == expected
    assert not_linux.result("result = 'next'") == "next"


def test_run_times_out_outside_linux(not_linux: Harness) -> None:
    ending = not_linux.run("import time\ntime.sleep(60)", STOPPED)

    assert ending == TimedOut(pid=ending.pid, how="stopped", while_loading=False)
    assert not_linux.result("result = 'next'") == "next"


def test_process_group_is_killed_outside_linux(not_linux: Harness) -> None:
    source = """
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = os.fork()
if child: channel.progress(1, str(child))
time.sleep(60)
"""
    token = CancelToken()

    def cancel(_: float, message: str) -> None:
        told.append(int(message))
        token.set("its child is there")

    told: list[int] = []
    ending = not_linux.run(source, replace(PATIENT, grace_s=0.1), cancel=token, on_progress=cancel)

    token.close()
    assert ending == Cancelled(pid=ending.pid, how="killed")
    assert not alive(ending.pid)
    wait_until(lambda: not alive(told[0]), "the child, which is killed at the same time, is gone")
    assert not_linux.result("result = 'next'") == "next"


def test_cancel_stops_a_run_outside_linux(not_linux: Harness) -> None:
    token = CancelToken()

    ending = not_linux.run(
        "import time\nchannel.progress(0, '')\ntime.sleep(60)", cancel=token, on_progress=lambda *_: token.set("stop")
    )

    token.close()
    assert ending == Cancelled(pid=ending.pid, how="stopped")


def test_end_of_the_zygote_is_survived_outside_linux(not_linux: Harness) -> None:
    pid = not_linux.pid()

    ending = not_linux.run("import os, time\nos.kill(os.getppid(), 9)\ntime.sleep(60)")

    assert ending == WorkerLost(pid=pid)
    assert not_linux.result("result = 'next'") == "next"


def test_without_lists_of_children_all_processes_are_looked_through(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = processes.children(os.getpid()), processes.children(harness.zygote.pid)
    monkeypatch.setattr(processes, "_LISTS_CHILDREN", False)

    assert (processes.children(os.getpid()), processes.children(harness.zygote.pid)) == expected
    ending = harness.run("import os, time\nif os.fork() == 0:\n    os.setsid()\n    time.sleep(60)", replace(PATIENT))
    assert isinstance(ending, Completed)
    harness.assert_nothing_left()
