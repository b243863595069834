"""Hostile code that sends garbage, floods of output, or too large a result."""

from unittest.mock import ANY

import pytest

from interlock.sandbox import OutputTooLarge
from tests.process.sandbox.harness import PATIENT, STOPPED, Harness
from tests.process.sandbox.hostile import (
    ESCAPED,
    FROM_TEMPLATE,
    IN_TIME,
    ISOLATIONS,
    Behavior,
    assert_contained,
    completed,
)
from tests.volume import volume

BEHAVIORS: dict[str, Behavior] = {
    "result over the limit": ("result = 'x' * 100_000_000", PATIENT, OutputTooLarge(pid=ANY, size_bytes=100_000_000)),
    "announces more than there is": (
        """
import os
os.write(4, channel._token + bytes([3, 0]) + b'\\xff' * 8)
while True: pass
""",
        PATIENT,
        OutputTooLarge(pid=ANY, size_bytes=(1 << 64) - 1),
    ),
    "garbage to every descriptor": (
        """
import os
for number in range(100):
    try:
        for _ in range(20): os.write(number, os.urandom(50_000))
    except OSError: pass
result = 'heard'
""",
        PATIENT,
        completed("heard"),
    ),
    "garbage in frames": (
        """
import os
for kind in range(256):
    for size in (0, 1, 7, 8, 9, 4096):
        if kind != 3: os.write(4, channel._token + bytes([kind, 255]) + size.to_bytes(8) + b'\\xff' * size)
result = 'heard'
""",
        PATIENT,
        completed("heard"),
    ),
    "all descriptors closed": (
        """
import os
os.closerange(0, 1000)
""",
        PATIENT,
        ESCAPED,
    ),
    "standard descriptors closed": (
        """
import os
os.closerange(0, 3)
result = 1
""",
        PATIENT,
        completed("1"),
    ),
    "streams closed": (
        """
import sys
sys.stdout.close()
sys.stderr.close()
result = 1
""",
        PATIENT,
        completed("1"),
    ),
    "streams replaced": (
        """
import sys
sys.stdout = sys.stderr = None
result = 1
""",
        PATIENT,
        completed("1"),
    ),
    "flood on stdout": (
        """
import os
line = b'x' * 99 + b'\\n'
for _ in range(2000): os.write(1, line * 500)
result = 1
""",
        PATIENT,
        completed("1"),
    ),
    "flood without a line's end": (
        """
import os
for _ in range(2000): os.write(2, bytes(50_000))
result = 1
""",
        PATIENT,
        completed("1"),
    ),
    "flood until the end of time": (
        """
import os
while True: os.write(1, b'\\n' * 60_000)
""",
        STOPPED,
        IN_TIME,
    ),
    "frames until the end of time": ("while True: channel.log('info', 'x' * 500)", STOPPED, IN_TIME),
    "10,000 times progress": (
        """
for n in range(10_000): channel.progress(n / 10_000, 'n')
result = 1
""",
        PATIENT,
        completed("1"),
    ),
    "progress that is no number": (
        """
channel.progress(float('nan'), '\\ud800')
result = 1
""",
        PATIENT,
        completed("1"),
    ),
}


@pytest.mark.parametrize("isolation", volume(sample=FROM_TEMPLATE, full=ISOLATIONS))
@pytest.mark.parametrize("name", BEHAVIORS)
def test_hostile_output_is_contained(harness: Harness, name: str, isolation: str) -> None:
    assert_contained(harness, name, BEHAVIORS[name], isolation)
