"""Capabilities (capabilities(7)): a worker process of root keeps only those that give access to root's files.

Functions on Lambda run without capabilities. When a developer runs the local stack as root, other capabilities would
bypass the confinement: newer kernels let CAP_PERFMON read the environment of processes in another Landlock domain.
"""

import ctypes
import struct

from interlock.sandbox.worker.syscalls import own_number_of, syscall

_VERSION_3 = 0x20080522
_KEPT = 0b11111
"""CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER and CAP_FSETID."""

_SETS = struct.Struct("=6I")  # effective, permitted, inheritable: the low halves, then the high ones


def drop_capabilities() -> None:
    """Drop this thread's capabilities except `_KEPT`. No program gets them back (`no_new_privs`). Raises OSError."""
    header = struct.pack("=Ii", _VERSION_3, 0)
    sets = ctypes.create_string_buffer(_SETS.size)
    syscall(own_number_of("capget"), header, sets)
    effective, permitted, inheritable, *_ = _SETS.unpack(sets.raw)
    kept = _SETS.pack(effective & _KEPT, permitted & _KEPT, inheritable & _KEPT, 0, 0, 0)
    syscall(own_number_of("capset"), header, kept)
