"""Removal of directory trees that hostile code may have created."""

import contextlib
import os
import secrets
from itertools import count

OPEN_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW


def remove_tree(path: str) -> None:
    """Remove a directory and its content, whatever its depth and permissions. A missing directory is not an error.

    Symbolic links are not followed. Entries that the system refuses to remove, such as mount points, remain.
    """
    with contextlib.suppress(OSError):
        if not os.path.islink(path):
            os.chmod(path, 0o700)
        descriptor = os.open(path, OPEN_FOLDER)
        try:
            remove_open_tree(descriptor, path)
        finally:
            os.close(descriptor)


def remove_open_tree(descriptor: int, path: str) -> None:
    with contextlib.suppress(OSError):
        os.fchmod(descriptor, 0o700)
        _empty(descriptor)
    with contextlib.suppress(OSError):
        os.rmdir(_path_now(descriptor) or path)


def _path_now(descriptor: int) -> str | None:
    """Return the current path of an open directory, on Linux."""
    try:
        return os.readlink(f"/proc/self/fd/{descriptor}")
    except OSError:
        return None


def _empty(root: int) -> None:
    """Remove the content of a directory. Each directory below is moved to the top before it is emptied, so that no
    depth exhausts descriptors, the stack or the length of a path."""
    prefix = secrets.token_hex(8)
    numbers = count()
    left = _unlink_files(root)
    while left:
        name = left.pop()
        with contextlib.suppress(OSError):
            os.chmod(name, 0o700, dir_fd=root)
            folder = os.open(name, OPEN_FOLDER, dir_fd=root)
            try:
                for inner in _unlink_files(folder):
                    moved = f"{prefix}-{next(numbers)}"
                    os.chmod(inner, 0o700, dir_fd=folder)  # a directory must be writable to be moved
                    os.rename(inner, moved, src_dir_fd=folder, dst_dir_fd=root)
                    left.append(moved)
            finally:
                os.close(folder)
            os.rmdir(name, dir_fd=root)


def _unlink_files(folder: int) -> list[str]:
    """Unlink everything but directories. Return the names of the directories."""
    directories = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                directories.append(entry.name)
            else:
                with contextlib.suppress(OSError):
                    os.unlink(entry.name, dir_fd=folder)
    return directories
