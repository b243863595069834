"""The log view takes over standard error."""

import subprocess
import sys

PROGRAM = """
import os, subprocess, sys
from interlock_dev.project.log_view import LogView
with LogView():
    sys.stderr.write("REPORT RequestId: 1\\nof this process\\n")
    subprocess.run([sys.executable, "-c", "import os; os.write(2, b'of a child\\\\n')"], check=True)
sys.stderr.write("afterwards\\n")
"""


def test_standard_error_of_all_processes_is_shown_and_restored() -> None:
    ended = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, timeout=60)
    assert ended.stderr.splitlines() == ["of this process", "of a child", "afterwards"]
    assert "\x1b" not in ended.stderr
