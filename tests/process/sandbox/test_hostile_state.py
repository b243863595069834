"""Hostile code that changes the state of its process."""

import signal

import pytest

from tests.process.sandbox.harness import PATIENT, Harness
from tests.process.sandbox.hostile import FROM_TEMPLATE, ISOLATIONS, Behavior, assert_contained, completed, ended_by
from tests.volume import volume

BEHAVIORS: dict[str, Behavior] = {
    "directory, environment, locale": (
        """
import locale, os
os.chdir('/')
os.environ.clear()
locale.setlocale(locale.LC_ALL, 'C')
result = 1
""",
        PATIENT,
        completed("1"),
    ),
    "environment replaced": (
        """
import os
os.environ = None
result = 1
""",
        PATIENT,
        completed("1"),
    ),
    "monkeypatched json": (
        """
import json
json.dumps = json.loads = json.JSONDecoder = json.JSONEncoder = None
result = 1
""",
        PATIENT,
        completed("1"),
    ),
    "monkeypatched os": (
        """
import os
os.getcwd = os.chdir = os.umask = os.getpid = os.nice = None
result = 1
""",
        PATIENT,
        completed("1"),
    ),
    "state that cannot be read": (
        """
import locale
locale.setlocale = 1 / 2
result = 1
""",
        PATIENT,
        completed("1"),
    ),
    "own signal handlers": (
        """
import signal
for n in signal.valid_signals() - {9, 19, 32, 33}: signal.signal(n, print)
result = 1
""",
        PATIENT,
        completed("1"),
    ),
    "no descriptors left to open": (
        """
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))
result = 1
""",
        PATIENT,
        completed("1"),
    ),
    "no processor time left": (
        """
import resource
resource.setrlimit(resource.RLIMIT_CPU, (0, 0))
while True: pass
""",
        PATIENT,
        ended_by(signal.SIGKILL),
    ),
}


@pytest.mark.parametrize("isolation", volume(sample=FROM_TEMPLATE, full=ISOLATIONS))
@pytest.mark.parametrize("name", BEHAVIORS)
def test_changed_process_state_does_not_reach_the_next_run(harness: Harness, name: str, isolation: str) -> None:
    assert_contained(harness, name, BEHAVIORS[name], isolation)
