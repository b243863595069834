"""The temporary directory of a run is the current directory, TMPDIR and HOME of the process while the run lasts."""

import contextlib
import os
import sys
import tempfile

from interlock.sandbox.worker.process_state import PER_RUN


def enter(folder: str) -> None:
    os.chdir(folder)
    os.environ.update(dict.fromkeys(PER_RUN, folder))
    tempfile.tempdir = folder


def leave() -> None:
    """Leave the directory, and flush the standard streams, because the run's output is complete."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):  # closed
            stream.flush()
    os.chdir("/")
    for name in PER_RUN:
        os.environ.pop(name, None)
    tempfile.tempdir = None
