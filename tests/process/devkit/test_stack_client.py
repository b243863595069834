"""A stack that was started for a test or the demo and does not end on SIGTERM."""

import subprocess
from pathlib import Path

import pytest

from interlock_dev.stack import client
from interlock_dev.stack.client import StackFailed, local_stack

ROOT = Path(__file__).parents[3]

STUBBORN = """
import signal, sys, threading
from interlock_dev.commands import cli, dev

def held_up(options, project, out, cleanup, view):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    print("ready http://127.0.0.1:1", file=out, flush=True)
    threading.Event().wait()

dev._serve = held_up
cli.main(sys.argv[1:])
"""
"""A version of `interlock dev` that starts no stack and ignores SIGTERM."""


def test_stack_that_does_not_end_is_killed_and_says_what_it_was_doing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "STOP_LIMIT_S", 0.1)
    started: list[subprocess.Popen[str]] = []
    with (
        pytest.raises(StackFailed, match=r"did not end: (?s:.*) in held_up"),
        local_stack(ROOT, tmp_path / "stack.log", program=("-c", STUBBORN)) as (_, process),
    ):
        started.append(process)
    assert started[0].returncode is not None
