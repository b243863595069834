"""Resources of the machine that a run uses: a port, environment variables and a temporary folder."""

import contextlib
import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path


def listen(port: int) -> socket.socket:
    """Return a listening loopback socket. Raise OSError if the port is taken."""
    listener = socket.socket()
    try:
        if os.name == "posix":
            # On Windows this option would let two stacks share a port.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen(256)
    except OSError:
        listener.close()
        raise
    return listener


def forget_aws_settings() -> None:
    """Remove AWS and proxy settings from this process's environment. The developer's profile, endpoint or proxy must
    neither break a stack on loopback nor be called by it."""
    for name in list(os.environ):
        if name.startswith("AWS_") or name.lower().endswith("_proxy"):
            del os.environ[name]
    os.environ["AWS_CONFIG_FILE"] = os.environ["AWS_SHARED_CREDENTIALS_FILE"] = os.devnull
    os.environ["AWS_EC2_METADATA_DISABLED"] = "true"


@contextlib.contextmanager
def run_folder() -> Iterator[Path]:
    """Create a temporary folder for a run. The next run removes folders of runs that were ended by SIGKILL."""
    for left in Path(tempfile.gettempdir()).glob("interlock-dev-*-*"):
        pid = left.name.split("-")[2]
        # On other systems `os.kill` with 0 would end the process.
        if os.name == "posix" and pid.isdecimal() and not _alive(int(pid)):
            shutil.rmtree(left, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=f"interlock-dev-{os.getpid()}-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
