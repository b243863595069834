"""A stack that is started for a test or the demo, and does not end."""

import subprocess
from pathlib import Path

import pytest

from interlock_dev.stack import client
from interlock_dev.stack.client import StackFailed, local_stack

STUBBORN = """
import faulthandler, signal, time

def held_up():
    time.sleep(600)

faulthandler.enable()
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("ready http://127.0.0.1:1", flush=True)
held_up()
"""


def test_stack_that_does_not_end_is_killed_and_says_what_it_was_doing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "STOP_LIMIT_S", 0.1)
    started: list[subprocess.Popen[str]] = []
    with (
        pytest.raises(StackFailed, match=r"did not end: (?s:.*) in held_up"),
        local_stack(tmp_path, tmp_path / "stack.log", program=("-c", STUBBORN)) as (_, process),
    ):
        started.append(process)
    assert started[0].returncode is not None
