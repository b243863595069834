"""Hostile code that raises exceptions or ends its process."""

import signal

import pytest

from interlock.sandbox.worker.child import EXIT_ESCAPED
from tests.process.sandbox.harness import PATIENT, Harness
from tests.process.sandbox.hostile import (
    ESCAPED,
    FROM_TEMPLATE,
    ISOLATIONS,
    Behavior,
    assert_contained,
    ended_by,
    exited,
)
from tests.volume import volume

BEHAVIORS: dict[str, Behavior] = {
    # Exceptions that get out
    "exception": ("raise ValueError('no')", PATIENT, ESCAPED),
    "base exception": ("raise BaseException('no')", PATIENT, ESCAPED),
    "SystemExit": (
        """
import sys
sys.exit(4)
""",
        PATIENT,
        ESCAPED,
    ),
    "KeyboardInterrupt": ("raise KeyboardInterrupt", PATIENT, ESCAPED),
    "exception group": ("raise BaseExceptionGroup('two', [ValueError(), SystemExit()])", PATIENT, ESCAPED),
    "exception without a text": (
        """
class Mute(Exception):
    def __str__(self): raise SystemExit(1)
raise Mute
""",
        PATIENT,
        ESCAPED,
    ),
    "exception hook that exits": (
        """
import os, sys
sys.excepthook = lambda *_: os._exit(9)
raise ValueError
""",
        PATIENT,
        exited(9),
    ),
    "recursion": (
        """
def again(): again()
again()
""",
        PATIENT,
        ESCAPED,
    ),
    "recursion in C": (
        """
import json
nested = []
for _ in range(100_000): nested = [nested]
json.dumps(nested)
""",
        PATIENT,
        ESCAPED,
    ),
    # Ends of the process
    "os._exit": (
        """
import os
os._exit(3)
""",
        PATIENT,
        exited(3),
    ),
    "os._exit(0)": (
        """
import os
os._exit(0)
""",
        PATIENT,
        exited(0),
    ),
    "abort": (
        """
import os
os.abort()
""",
        PATIENT,
        ended_by(signal.SIGABRT),
    ),
    "segfault": (
        """
import ctypes
ctypes.string_at(0)
""",
        PATIENT,
        ended_by(signal.SIGSEGV),
    ),
    "kill itself": (
        """
import os
os.kill(os.getpid(), 9)
""",
        PATIENT,
        ended_by(signal.SIGKILL),
    ),
    "kill its group": (
        """
import os
os.kill(0, 9)
""",
        PATIENT,
        ended_by(signal.SIGKILL),
    ),
    "SIGTERM to itself": (
        """
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_DFL)
os.kill(os.getpid(), signal.SIGTERM)
time.sleep(60)
""",
        PATIENT,
        ended_by(signal.SIGTERM),
    ),
    "left alarm": (
        """
import signal, time
signal.setitimer(signal.ITIMER_REAL, 0.01)
time.sleep(60)
""",
        PATIENT,
        ended_by(signal.SIGALRM),
    ),
    "import that exits": (
        """
import os
os._exit(3)
#ready
""",
        PATIENT,
        exited(3, while_loading=True),
    ),
    "import that raises": (
        """
import nothing_of_this_name
#ready
""",
        PATIENT,
        exited(EXIT_ESCAPED, while_loading=True),
    ),
}


@pytest.mark.parametrize("isolation", volume(sample=FROM_TEMPLATE, full=ISOLATIONS))
@pytest.mark.parametrize("name", BEHAVIORS)
def test_exception_or_exit_of_hostile_code_is_contained(harness: Harness, name: str, isolation: str) -> None:
    assert_contained(harness, name, BEHAVIORS[name], isolation)
