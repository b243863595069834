"""Tools that change the limits or the scheduling of their supervisor or zygote."""

import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from interlock.sandbox import Completed, WorkerLost
from tests.process.sandbox.harness import Harness, alive

ROOT = Path(__file__).parents[3]

UNPRIVILEGED = (
    *("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"),
    *("--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"),
)

IMPORTS = "import os, sys, resource\npid = int(sys.argv[1])\n"
REPAIRED = {
    "data": "resource.prlimit(pid, resource.RLIMIT_DATA, (1 << 30, resource.prlimit(pid, resource.RLIMIT_DATA)[1]))",
    "affinity": "os.sched_setaffinity(pid, {min(os.sched_getaffinity(0))})",
}
LASTING = {
    "descriptors": "resource.prlimit(pid, resource.RLIMIT_NOFILE, (3, 3))",
    "data": "resource.prlimit(pid, resource.RLIMIT_DATA, (1 << 30, 1 << 30))",
    "processor time": "resource.prlimit(pid, resource.RLIMIT_CPU, (1000, 1000))",
    "scheduling": "os.sched_setscheduler(pid, os.SCHED_IDLE, os.sched_param(0))",
    "niceness": "os.setpriority(os.PRIO_PROCESS, pid, 19)",
}


def damaged(tmp_path: Path, source: str) -> dict[str, Any]:
    tmp_path.chmod(0o777)
    command = [*(UNPRIVILEGED if os.getuid() == 0 else ()), sys.executable, "-m", "tests.process.sandbox.damage"]
    command.append(IMPORTS + source)
    environ = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    environ |= {"TMPDIR": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert found["uid"] != 0
    return found


@pytest.mark.parametrize("what", REPAIRED)
def test_a_change_that_may_be_undone_is_undone(tmp_path: Path, what: str) -> None:
    found = damaged(tmp_path, REPAIRED[what])

    assert (found["ending"], found["unfit"], found["next"]) == ("Completed", False, "next")


@pytest.mark.parametrize("what", LASTING)
def test_a_change_that_may_not_be_undone_makes_the_process_unfit(tmp_path: Path, what: str) -> None:
    assert damaged(tmp_path, LASTING[what])["unfit"]


def test_a_damaged_zygote_is_replaced(fresh: Harness) -> None:
    zygote = fresh.zygote
    fresh.run("channel.progress(1, '')", on_progress=lambda *_: _leave_descriptors(zygote.pid, 20))

    assert fresh.result("result = 'next'") == "next"
    assert fresh.zygote is not zygote
    assert not alive(zygote.pid)
    assert not fresh.sandbox.unfit


def test_a_run_whose_supervisor_is_out_of_descriptors_is_lost(fresh: Harness) -> None:
    """Without descriptors the supervisor could not measure memory or find children, so no limit would hold."""
    pid = fresh.pid()
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)

    source = "import time\nchannel.progress(1, '')\ntime.sleep(60)"
    ending = fresh.run(source, on_progress=lambda *_: _leave_descriptors(os.getpid(), 3))

    assert ending == WorkerLost(pid=0)
    assert not alive(pid)
    assert fresh.sandbox.unfit
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == limits
    assert fresh.result("result = 'next'") == "next"


def test_a_run_that_ends_at_once_needs_no_further_descriptor(fresh: Harness) -> None:
    pid = fresh.pid()
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)

    ending = fresh.run("channel.progress(1, '')", on_progress=lambda *_: _leave_descriptors(os.getpid(), 3))

    assert ending == Completed(pid=pid, payload=b"")
    assert not fresh.sandbox.unfit
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == limits
    assert fresh.pid() == pid


def _leave_descriptors(pid: int, number: int) -> None:
    _, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (number, hard))
