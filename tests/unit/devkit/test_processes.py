"""The processes of execution environments, as they are started."""

import os
import sys
from pathlib import Path

from interlock_dev.lambda_process import NICENESS
from interlock_dev.processes import end_tree, guarded, spawn

TELL = """
import os, sys
told = [os.nice(0), os.getsid(0) == os.getpid()]
if os.path.exists("/proc/self/autogroup"):
    told.append(int(open("/proc/self/autogroup").read().split()[-1]))
open(sys.argv[1], "w").write(repr(told))
"""


def test_they_lead_a_session_and_stand_behind_the_stack(tmp_path: Path) -> None:
    process = spawn(guarded([sys.executable, "-c", TELL, str(tmp_path / "told")]), env={}, cwd=tmp_path)
    assert process.wait(30) == 0
    end_tree(process)
    behind = min(19, os.nice(0) + NICENESS)
    shared = [behind] if Path("/proc/self/autogroup").exists() else []
    assert (tmp_path / "told").read_text() == repr([behind, True, *shared])
