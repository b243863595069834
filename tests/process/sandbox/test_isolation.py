"""A worker process inherits nothing from the process that accesses the table."""

import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from interlock.sandbox.supervisor.zygote_process import INHERITED
from interlock.sandbox.worker.process_state import PER_RUN
from tests.process.sandbox import measured
from tests.process.sandbox.harness import Harness

SECRETS = {"AWS_SECRET_ACCESS_KEY": "s3cr3t", "AWS_SESSION_TOKEN": "s3cr3t", "TABLE_NAME": "jobs", "PYTHONPATH": "/x"}


@pytest.fixture
def among_secrets(monkeypatch: pytest.MonkeyPatch) -> Iterator[Harness]:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    harness = Harness.new(env={"GIVEN": "to workers"})
    yield harness
    harness.sandbox.close()


def facts(harness: Harness, source: str) -> Any:
    return json.loads(harness.result(f"import json\n{source}\nresult = json.dumps(found)"))


def test_worker_process_has_an_environment_of_its_own(among_secrets: Harness) -> None:
    found = facts(
        among_secrets,
        "import os\nfound = [dict(os.environ), open('/proc/self/environ').read()]\n"
        "for pid in (os.getppid(), os.getpid()):\n"
        "    try: found.append(open(f'/proc/{pid}/environ').read() + open(f'/proc/{pid}/cmdline').read())\n"
        "    except OSError: pass",
    )

    assert found[0]["GIVEN"] == "to workers"
    assert set(found[0]) <= {*INHERITED, *PER_RUN, *measured.STARTED_BY, "GIVEN"}
    assert "s3cr3t" not in str(found)
    assert not [name for name in SECRETS if name in str(found)]


def test_no_descriptor_of_the_supervisor_is_inherited(harness: Harness) -> None:
    """Inheritable descriptors and descriptors of the zygote are not inherited either."""
    ours = os.open("/dev/zero", os.O_RDONLY)
    os.set_inheritable(ours, True)
    number = os.dup2(ours, 77)
    try:
        found = facts(
            harness,
            "import os\nfound = {n: os.readlink(f'/proc/self/fd/{n}') for n in map(int, os.listdir('/proc/self/fd'))"
            " if os.path.exists(f'/proc/self/fd/{n}') or n < 6}",
        )
    finally:
        os.close(ours)
        os.close(number)

    assert set(found) == {"0", "1", "2", "3", "4", "5"}
    assert found.pop("0") == "/dev/null"
    assert found.pop("5").startswith("/memfd:interlock-progress")
    assert all(name.startswith("pipe:") for name in found.values())


def test_executed_program_inherits_only_the_standard_streams(harness: Harness) -> None:
    source = "import subprocess\nfound = subprocess.run(['ls', '/proc/self/fd'], close_fds=False, capture_output=True)"
    numbers = facts(harness, source + ".stdout.decode().split()\nfound = [n for n in found if n != '']")

    # `ls` itself has opened the last descriptor, to read the directory.
    assert numbers[:3] == ["0", "1", "2"]
    assert len(numbers) == 4


def test_worker_process_has_its_own_session_and_group_and_no_terminal(harness: Harness) -> None:
    pid, session, group, parent_session = facts(
        harness, "import os\nfound = [os.getpid(), os.getsid(0), os.getpgrp(), os.getsid(os.getppid())]"
    )

    assert pid == session == group
    assert parent_session not in (pid, os.getsid(0))


def test_worker_process_inherits_no_blocked_or_ignored_signals(monkeypatch: pytest.MonkeyPatch) -> None:
    before = signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    harness = Harness.new()
    try:
        found = facts(harness, "import signal\nfound = [signal.getsignal(signal.SIGINT) == signal.SIG_DFL]")
    finally:
        signal.signal(signal.SIGUSR1, before)
        harness.sandbox.close()

    assert found == [True]


def test_kernel_enforces_the_limits(harness: Harness) -> None:
    found = facts(
        harness,
        "import os, resource\nstatus = dict(line.split(':', 1) for line in open('/proc/self/status'))\n"
        "found = [resource.getrlimit(resource.RLIMIT_CORE), open('/proc/self/oom_score_adj').read().strip(),\n"
        "         status['NoNewPrivs'].strip(), resource.getrlimit(resource.RLIMIT_NPROC)]",
    )

    assert found[:3] == [[0, 0], "1000", "1"]
    mine, _ = resource.getrlimit(resource.RLIMIT_NPROC)
    assert found[3][0] == found[3][1]
    assert found[3][0] < mine or mine == resource.RLIM_INFINITY


def test_one_file_cannot_take_more_than_half_of_the_disk(harness: Harness) -> None:
    found = facts(
        harness,
        "import resource, os\ndisk = os.statvfs('.')\n"
        "found = [resource.getrlimit(resource.RLIMIT_FSIZE)[0], disk.f_bavail * disk.f_frsize]\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, -1))\n"
        "try: open('large', 'wb', 0).write(bytes(2000)); open('large', 'ab', 0).write(b'x')\n"
        "except OSError as error: found.append(error.strerror)",
    )

    assert 0 < found[0] < found[1]
    assert found[2] == "File too large"


def test_zygote_and_workers_that_wait_are_closed_to_others(harness: Harness) -> None:
    """Their files in /proc belong to root, so other processes of an unprivileged user cannot read memory or
    environment. test_elsewhere tries it."""
    idle = harness.pid()
    for pid in (idle, harness.zygote.pid, os.getpid()):
        assert Path(f"/proc/{pid}/environ").stat().st_uid == 0

    assert facts(harness, "import os\nfound = os.stat('/proc/self/environ').st_uid") == os.getuid()


@pytest.mark.parametrize(
    ("imports", "folders"),
    [
        ("import interlock.tools.tool_runner", set()),
        ("from interlock.sandbox import Sandbox", {"supervisor", "wire"}),
        ("import interlock.sandbox.worker.zygote", {"worker", "wire"}),
    ],
)
def test_supervisor_and_worker_process_load_none_of_each_others_code(imports: str, folders: set[str]) -> None:
    loaded = f"{imports}\nimport sys\nprint(*(name for name in sys.modules if name.startswith('interlock.sandbox.')))"
    done = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True)

    assert {name.split(".")[2] for name in done.stdout.split()} == folders
