"""Landlock domains: processes inside cannot trace, inspect or signal processes outside, not even as root.

See `Documentation/userspace-api/landlock.rst` of Linux. Processes outside of all domains (supervisor and zygote) can
still inspect and signal the processes inside. Domains are nested: a process in an inner one cannot reach the others in
the outer one.
"""

import ctypes
import errno
import os
import stat
import struct
from collections.abc import Collection, Iterable

from interlock.sandbox.worker.syscalls import syscall

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # the same on every architecture
_VERSION = 1
_RULE_PATH_BENEATH, _RULE_NET_PORT = 1, 2
_BIND_TCP, _CONNECT_TCP = 1, 2
_SCOPE_ABSTRACT_UNIX_SOCKET, _SCOPE_SIGNAL = 1, 2

_WRITE_FILE, _TRUNCATE = 1 << 1, 1 << 14
_REFER = 1 << 13
_CHANGE_FOLDERS = sum(1 << bit for bit in range(4, 14))
"""Removing and creating entries of every kind, and moving them between folders."""

FILES_ABI, TRUNCATE_ABI, NETWORK_ABI, SCOPE_ABI = 2, 3, 4, 6
"""From Linux 5.19, 6.2, 6.7 and 6.12. The first version, of Linux 5.13, cannot permit moving files between folders."""

DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/tty", "/dev/random", "/dev/urandom")
"""Device files that programs write to, and that keep nothing."""

_PORTS = range(1 << 16)


def abi(*, needed: int) -> int:
    """Return the kernel's Landlock ABI version. Raises OSError if there is none or it is older than the needed one."""
    found = syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _VERSION)
    if found < needed:
        raise OSError(errno.ENOSYS, f"ABI {found} is older than {needed}")
    return found


def ruleset(abi: int, *, closed_ports: Collection[int] | None) -> int:
    """Create a ruleset and return its descriptor. If `closed_ports` is None, it refuses all TCP connections; otherwise
    it allows all ports except those.

    Each rule allows one port, so this takes about 170 ms. The ruleset allows moving files anywhere: a domain that does
    not mention this right would refuse it as soon as another domain restricts files.
    """
    handled = _BIND_TCP | _CONNECT_TCP if closed_ports is None else _CONNECT_TCP if closed_ports else 0
    descriptor = _create_ruleset(abi, files=_REFER, ports=handled)
    try:
        _allow_below(descriptor, "/", 0, _REFER)
        _allow_ports(descriptor, set(_PORTS).difference(closed_ports) if closed_ports else ())
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def files_ruleset(abi: int, writable: Iterable[str]) -> int:
    """Create a ruleset that permits changes of files only below these paths, and return its descriptor. Reading is not
    restricted, nor are changes of modes, times and attributes. Paths that do not exist are left out."""
    of_file = _WRITE_FILE | (_TRUNCATE if abi >= TRUNCATE_ABI else 0)
    handled = of_file | _CHANGE_FOLDERS
    descriptor = _create_ruleset(abi, files=handled, ports=0)
    try:
        for path in writable:
            _allow_below(descriptor, path, of_file, handled)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _allow_below(descriptor: int, path: str, of_file: int, of_folder: int) -> None:
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        access = of_folder if stat.S_ISDIR(os.fstat(place).st_mode) else of_file
        syscall(_ADD_RULE, descriptor, _RULE_PATH_BENEATH, struct.pack("=Qi", access, place), 0)
    finally:
        os.close(place)


def _create_ruleset(abi: int, *, files: int, ports: int) -> int:
    """Create a ruleset that handles these accesses and, where the kernel can, signals and abstract sockets."""
    scoped = _SCOPE_ABSTRACT_UNIX_SOCKET | _SCOPE_SIGNAL if abi >= SCOPE_ABI else 0
    size = 24 if scoped else 16 if abi >= NETWORK_ABI else 8
    attributes = struct.pack("=QQQ", files, ports, scoped)[:size]
    return syscall(_CREATE_RULESET, attributes, ctypes.c_size_t(size), 0)


def _allow_ports(descriptor: int, ports: Collection[int]) -> None:
    rule = ctypes.create_string_buffer(16)
    for port in ports:
        struct.pack_into("=QQ", rule, 0, _CONNECT_TCP, port)
        syscall(_ADD_RULE, descriptor, _RULE_NET_PORT, rule, 0)


def restrict(descriptor: int) -> None:
    """Move this process and its later children into a new domain. Needs `no_new_privs`. Raises OSError."""
    syscall(_RESTRICT_SELF, descriptor, 0)
