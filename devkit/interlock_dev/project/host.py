"""What a run takes of this machine: a port, and a folder for what it writes."""

import contextlib
import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path


def listen(port: int) -> socket.socket:
    """A listening loopback socket. Raises OSError when the port is taken."""
    listener = socket.socket()
    try:
        if os.name == "posix":
            # On Windows it would let two stacks have the same port.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen(256)
    except OSError:
        listener.close()
        raise
    return listener


def forget_aws_settings() -> None:
    """Lets this process know of no AWS account and no proxy. A profile, an endpoint or a proxy of the developer's must
    neither break a stack that is all on loopback nor ever be called by it."""
    for name in list(os.environ):
        if name.startswith("AWS_") or name.lower().endswith("_proxy"):
            del os.environ[name]
    os.environ["AWS_CONFIG_FILE"] = os.environ["AWS_SHARED_CREDENTIALS_FILE"] = os.devnull
    os.environ["AWS_EC2_METADATA_DISABLED"] = "true"


@contextlib.contextmanager
def run_folder() -> Iterator[Path]:
    """A folder for what a run writes. Those of runs that were ended by SIGKILL are removed with the next."""
    for left in Path(tempfile.gettempdir()).glob("interlock-dev-*-*"):
        pid = left.name.split("-")[2]
        # Elsewhere os.kill would not ask, but end it.
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
