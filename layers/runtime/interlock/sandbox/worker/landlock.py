"""Landlock domains: processes inside cannot trace, inspect or signal processes outside, not even as root.

See `Documentation/userspace-api/landlock.rst` of Linux. Processes outside of all domains (supervisor and zygote) can
still inspect and signal the processes inside. File access is not restricted.
"""

import ctypes
import errno
import os
import struct
from collections.abc import Collection

from interlock.sandbox.worker.syscalls import syscall

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # the same on every architecture
_VERSION = 1
_RULE_NET_PORT = 2
_BIND_TCP, _CONNECT_TCP = 1, 2
_SCOPE_ABSTRACT_UNIX_SOCKET, _SCOPE_SIGNAL = 1, 2

NETWORK_ABI, SCOPE_ABI = 4, 6
"""From Linux 6.7 and 6.12. Before 6.7 a ruleset has to restrict files, and would restrict renames as well."""

_PORTS = range(1 << 16)


def abi() -> int:
    """Return the kernel's Landlock ABI version. Raises OSError if there is none or it is older than `NETWORK_ABI`."""
    found = syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _VERSION)
    if found < NETWORK_ABI:
        raise OSError(errno.ENOSYS, f"ABI {found} is older than {NETWORK_ABI}")
    return found


def ruleset(abi: int, *, closed_ports: Collection[int] | None) -> int:
    """Create a ruleset and return its descriptor. None refuses all TCP connections; otherwise all ports except
    `closed_ports` are allowed.

    Each rule allows one port, so that this takes about 170 ms.
    """
    handled = _BIND_TCP | _CONNECT_TCP if closed_ports is None else _CONNECT_TCP if closed_ports else 0
    scoped = _SCOPE_ABSTRACT_UNIX_SOCKET | _SCOPE_SIGNAL if abi >= SCOPE_ABI else 0
    attributes = struct.pack("=QQQ", 0, handled, scoped)[: 24 if scoped else 16]
    descriptor = syscall(_CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), 0)
    if closed_ports:
        try:
            _allow(descriptor, set(_PORTS).difference(closed_ports))
        except OSError:
            os.close(descriptor)
            raise
    return descriptor


def _allow(descriptor: int, ports: Collection[int]) -> None:
    rule = ctypes.create_string_buffer(16)
    for port in ports:
        struct.pack_into("=QQ", rule, 0, _CONNECT_TCP, port)
        syscall(_ADD_RULE, descriptor, _RULE_NET_PORT, rule, 0)


def restrict(descriptor: int) -> None:
    """Move this process and its later children into a new domain. Needs `no_new_privs`. Raises OSError."""
    syscall(_RESTRICT_SELF, descriptor, 0)
