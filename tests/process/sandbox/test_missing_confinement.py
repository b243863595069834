"""Workers on hosts without seccomp or Landlock, and the cost of the confinement."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]


# Runs in a process that may not install seccomp filters, as on some container hosts.
UNCONFINED = '''
import errno, json, os
from interlock.sandbox.wire import processes
from interlock.sandbox.worker import seccomp
from interlock.sandbox.worker.seccomp import Rule
processes.forbid_new_privileges()
program = seccomp.compile_filter({rules}, os.uname().machine)
seccomp.install(seccomp.packed(program))
from tests.process.sandbox.harness import Harness
harness = Harness.new()
source = """
import socket
try:
    socket.socket().close()
    result = "connected"
except PermissionError:
    result = "refused"
"""
answers = [harness.result(source, key=key) for key in "ab"]
harness.sandbox.close()
print(json.dumps(answers))
'''


def outcome_where(rules: str) -> tuple[Any, list[str]]:
    """Return the answers of two workers on a host that refuses system calls, and the warnings in the log."""
    program = [sys.executable, "-c", UNCONFINED.format(rules=rules)]
    done = subprocess.run(program, cwd=ROOT, capture_output=True, text=True, check=True)
    return json.loads(done.stdout), [line for line in done.stderr.splitlines() if line.startswith("WARNING")]


@pytest.mark.parametrize("error", ["EPERM", "ENOSYS"])
def test_without_filters_workers_run_and_one_warning_is_logged(error: str) -> None:
    answers, warnings = outcome_where(f"[Rule(('seccomp',), error=errno.{error})]")

    assert answers == ["connected", "connected"]
    assert len(warnings) == 1
    assert "no seccomp filter" in warnings[0]


def test_without_landlock_workers_have_their_filter_and_one_warning_is_logged() -> None:
    answers, warnings = outcome_where("[Rule(('landlock_create_ruleset',), error=errno.ENOSYS)]")

    assert answers == ["refused", "refused"]
    assert len(warnings) == 1
    assert "tools with the network can reach the Lambda Runtime API" in warnings[0]


def test_without_either_workers_run_and_one_warning_is_logged() -> None:
    answers, warnings = outcome_where("[Rule(('seccomp', 'landlock_create_ruleset'), error=errno.EPERM)]")

    assert answers == ["connected", "connected"]
    assert len(warnings) == 1


def test_filters_are_compiled_once_and_only_installed_in_each_worker(tmp_path: Path) -> None:
    from interlock.sandbox.wire import processes
    from interlock.sandbox.worker.confinement import Confinement

    confinement = Confinement()
    calls = []

    def count(_frame: Any, event: str, _value: Any) -> None:
        calls.extend([event] if event in {"call", "c_call"} else [])

    pid = os.fork()
    if pid == 0:
        processes.forbid_new_privileges()
        sys.setprofile(count)
        confinement.apply(network=False)
        sys.setprofile(None)
        (tmp_path / "calls").write_text(str(len(calls)))
        os._exit(0)
    os.waitpid(pid, 0)

    assert int((tmp_path / "calls").read_text()) <= 120
