"""The directories of worker processes, and in them the temporary directories of runs.

The supervisor keeps all of them open, so that it can remove them even after code has moved or replaced them or removed
their permissions.
"""

import contextlib
import fcntl
import os
import secrets
import stat
import tempfile
from collections.abc import Iterator

from interlock.sandbox.wire.removal import OPEN_FOLDER, remove_open_tree, remove_tree

_PREFIX = "interlock-runs-"
_NOT_LOCKED_YET = f"new-{_PREFIX}"


class RunFolders:
    """A common directory `root` for the directories of all worker processes.

    The supervisor holds a lock on `root`. Lambda ends all processes of an execution environment at once but keeps its
    disk; the next supervisor removes every root that no process has locked.
    """

    def __init__(self) -> None:
        _remove_abandoned(tempfile.gettempdir())
        self.root, self._descriptor = _create_locked_root()

    def create(self) -> "WorkerFolder":
        """Create the directory of a worker process. Raises OSError."""
        return WorkerFolder(f"{self.root}/{secrets.token_hex(8)}", self._descriptor)

    def remove(self) -> None:
        """Remove the root for good. Call it when no process is left that could write into it."""
        remove_open_tree(self._descriptor, self.root)
        os.close(self._descriptor)


class WorkerFolder:
    """The directory of a worker process, the only place where its runs may write files if the kernel has Landlock.

    Each run has a directory in it. If that directory is empty after the run, it is renamed for the next run, which
    costs less than removing it and creating another. Code that is loading has a directory beside this one, because
    otherwise all runs could write to it.
    """

    def __init__(self, path: str, root: int) -> None:
        os.mkdir(path, 0o700)
        self.path = path
        self._root = root
        self._own = os.open(path, OPEN_FOLDER)
        self.loading = f"{path}-load"
        self._number = 0
        self._run: int | None = None

    @property
    def reusable(self) -> bool:
        """Whether the directory still exists and contains nothing but the directory of the next run. Without Landlock,
        a run for another tenant may have put something there since the last run."""
        return self._own >= 0 and self._holds_nothing_else()

    def create_for_loading(self) -> str:
        """Create the temporary directory of code that is loading. It stays as long as the worker process, because the
        code may read its files later."""
        os.mkdir(self.loading, 0o700)
        return self.loading

    @contextlib.contextmanager
    def create_for_run(self) -> Iterator[str]:
        """Yield an empty directory. It is removed afterwards, or renamed for the next run. Raises OSError."""
        if self._run is None:
            os.mkdir(self.run_path, 0o700)
            self._run = os.open(self.run_path, OPEN_FOLDER)
        for folder in (self._root, self._own, self._run):
            os.fchmod(folder, 0o700)  # a run for another tenant may have changed it
        descriptor, path = self._run, self.run_path
        try:
            yield path
        finally:
            self._number += 1
            # `_run` is None if the whole directory was removed meanwhile.
            if self._run is not None and not self._rename_unchanged(descriptor, path):
                self._run = None
                remove_open_tree(descriptor, path)
                os.close(descriptor)
            # Runs for other tenants can read what is here, while the worker process is idle.
            with contextlib.suppress(OSError):  # out of descriptors: `reusable` checks again
                if self._own >= 0 and not self._holds_nothing_else():
                    self.remove()

    def remove(self) -> None:
        """Remove the directory. Repeated calls have no effect. Call it when no process can write into it any more."""
        if self._run is not None:
            remove_open_tree(self._run, self.run_path)
            os.close(self._run)
            self._run = None
        if self._own >= 0:
            remove_open_tree(self._own, self.path)
            os.close(self._own)
            self._own = -1
        remove_tree(self.loading)

    def _holds_nothing_else(self) -> bool:
        return set(os.listdir(self._own)) <= {str(self._number)}

    @property
    def run_path(self) -> str:
        """The directory of the current run."""
        return f"{self.path}/{self._number}"

    def _rename_unchanged(self, descriptor: int, path: str) -> bool:
        """Return whether the directory is unchanged and has been renamed for the next run."""
        try:
            found = os.fstat(descriptor)
            untouched = stat.S_IMODE(found.st_mode) == 0o700 and os.path.samestat(found, os.lstat(path))
            if untouched and not os.listdir(descriptor):
                os.rename(path, self.run_path)
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
