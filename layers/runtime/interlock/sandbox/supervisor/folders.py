"""The directory of a run: its own, and gone with all that the run has put into it when it ends."""

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
    """The directories of runs, one at a time, in a temporary one of their own, `root`.

    They are held open: so they are found again when the code has moved them, put something else in their place or
    taken their modes away. One that was left empty gets a new name and is the next run's, since to make and remove
    directories takes a disk many times as long.

    `root` is locked as long as its process lives. Lambda ends all processes of an environment at once, the zygote
    included, and keeps its disk for those that it starts next: they remove what no process holds any more.
    """

    def __init__(self) -> None:
        _remove_abandoned(tempfile.gettempdir())
        self.root, self._root_descriptor = _locked_root()
        self._number = 0
        self._descriptor: int | None = None

    @contextlib.contextmanager
    def one(self) -> Iterator[str]:
        """An empty directory, for as long as the context lasts. Raises OSError when it cannot be made."""
        if self._descriptor is None:
            os.mkdir(self._path, 0o700)
            self._descriptor = os.open(self._path, OPEN_FOLDER)
        descriptor, path = self._descriptor, self._path
        try:
            yield path
        finally:
            self._number += 1
            # None: all of it was removed meanwhile.
            if self._descriptor is not None and not self._renamed(descriptor, path):
                self._descriptor = None
                remove_open_tree(descriptor, path)
                os.close(descriptor)

    def remove(self) -> None:
        """Removes all of it, once and for all, when nothing is left that could write into it."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
        remove_open_tree(self._root_descriptor, self.root)
        os.close(self._root_descriptor)

    @property
    def _path(self) -> str:
        return f"{self.root}/{self._number}"

    def _renamed(self, descriptor: int, path: str) -> bool:
        """Whether the directory is as it was made, and has its new name."""
        try:
            found = os.fstat(descriptor)
            untouched = stat.S_IMODE(found.st_mode) == 0o700 and os.path.samestat(found, os.lstat(path))
            if untouched and not os.listdir(descriptor):
                os.rename(path, self._path)
                return True
        except OSError:
            pass
        return False


def _locked_root() -> tuple[str, int]:
    """A new directory and its descriptor, which holds its lock. It has its name only then: nobody takes it for one
    that was abandoned."""
    made = os.path.realpath(tempfile.mkdtemp(prefix=_NOT_LOCKED_YET))
    descriptor = os.open(made, OPEN_FOLDER)
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    root = os.path.join(os.path.dirname(made), os.path.basename(made).removeprefix("new-"))
    os.rename(made, root)
    return root, descriptor


def _remove_abandoned(where: str) -> None:
    """Removes the roots of our user whose processes are gone."""
    with os.scandir(where) as entries:
        names = [entry.name for entry in entries if entry.name.startswith(_PREFIX)]
    for name in names:
        with contextlib.suppress(OSError):  # it is locked, another user's, or gone by now
            descriptor = os.open(os.path.join(where, name), OPEN_FOLDER)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if os.fstat(descriptor).st_uid == os.getuid():
                    remove_tree(os.path.join(where, name))
            finally:
                os.close(descriptor)
