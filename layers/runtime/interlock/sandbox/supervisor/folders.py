"""The temporary directory of a run, removed with all its content when the run ends."""

import contextlib
import fcntl
import os
import stat
import tempfile
from collections.abc import Iterator

from interlock.sandbox.wire.removal import OPEN_FOLDER, remove_open_tree, remove_tree

_PREFIX = "interlock-runs-"
_NOT_LOCKED_YET = f"new-{_PREFIX}"


class RunFolders:
    """Temporary directories for runs, one at a time, below a common directory `root`.

    The directories are held open, so that they are found even after code has moved or replaced them or removed their
    permissions. An empty directory is renamed for the next run, because creating and removing one costs more.

    The supervisor holds a lock on `root`. Lambda ends all processes of an execution environment at once but keeps its
    disk; the next supervisor removes every root that no process has locked.
    """

    def __init__(self) -> None:
        _remove_abandoned(tempfile.gettempdir())
        self.root, self._root_descriptor = _create_locked_root()
        self._number = 0
        self._descriptor: int | None = None

    @contextlib.contextmanager
    def create(self) -> Iterator[str]:
        """Yield an empty directory, removed with the context. Raises OSError if it cannot be created."""
        if self._descriptor is None:
            os.mkdir(self._path, 0o700)
            self._descriptor = os.open(self._path, OPEN_FOLDER)
        descriptor, path = self._descriptor, self._path
        try:
            yield path
        finally:
            self._number += 1
            # None: everything was removed meanwhile.
            if self._descriptor is not None and not self._rename_unchanged(descriptor, path):
                self._descriptor = None
                remove_open_tree(descriptor, path)
                os.close(descriptor)

    def remove(self) -> None:
        """Remove the root for good. Call it when no process is left that could write into it."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
        remove_open_tree(self._root_descriptor, self.root)
        os.close(self._root_descriptor)

    @property
    def _path(self) -> str:
        return f"{self.root}/{self._number}"

    def _rename_unchanged(self, descriptor: int, path: str) -> bool:
        """Return whether the directory is unchanged and has been renamed for the next run."""
        try:
            found = os.fstat(descriptor)
            untouched = stat.S_IMODE(found.st_mode) == 0o700 and os.path.samestat(found, os.lstat(path))
            if untouched and not os.listdir(descriptor):
                os.rename(path, self._path)
                return True
        except OSError:
            pass
        return False


def _create_locked_root() -> tuple[str, int]:
    """Create a root directory and return it with its descriptor, which holds the lock. The directory gets its final
    name only when it is locked, so that no other process takes it for an abandoned one."""
    made = os.path.realpath(tempfile.mkdtemp(prefix=_NOT_LOCKED_YET))
    descriptor = os.open(made, OPEN_FOLDER)
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    root = os.path.join(os.path.dirname(made), os.path.basename(made).removeprefix("new-"))
    os.rename(made, root)
    return root, descriptor


def _remove_abandoned(where: str) -> None:
    """Remove the roots of this user whose processes have ended."""
    with os.scandir(where) as entries:
        names = [entry.name for entry in entries if entry.name.startswith(_PREFIX)]
    for name in names:
        with contextlib.suppress(OSError):  # locked, owned by another user, or removed meanwhile
            descriptor = os.open(os.path.join(where, name), OPEN_FOLDER)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if os.fstat(descriptor).st_uid == os.getuid():
                    remove_tree(os.path.join(where, name))
            finally:
                os.close(descriptor)
