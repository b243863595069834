"""Seccomp filters: rules as data, compiled to the BPF program that the kernel runs at each system call of a worker.

See `Documentation/userspace-api/seccomp_filter.rst` of Linux. Child processes inherit a filter; it cannot be removed.
"""

import ctypes
import errno
import struct
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum, auto

from msgspec import Struct

from interlock.sandbox.worker import syscalls

OWN, TEMPLATE, TEMPLATE_GROUP = -(1 << 40), -(1 << 41), -(1 << 42)
"""Placeholders for process ids: of the process that installs the filter, of the process that it was forked from, and of
the latter's process group, as a negative number."""

_PLACEHOLDERS = (OWN, TEMPLATE, TEMPLATE_GROUP)

_AUDIT_ARCHITECTURE = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_X32_BIT = 0x4000_0000

_SET_MODE_FILTER, _GET_ACTION_AVAILABLE = 1, 2
_SPEC_ALLOW = 4
"""SECCOMP_FILTER_FLAG_SPEC_ALLOW: without it, kernels before 5.16 turn on a costly Spectre mitigation."""

_ALLOW, _ERRNO = 0x7FFF_0000, 0x0005_0000

# Offsets in `struct seccomp_data`. Arguments are 64 bits each; the low half comes first.
_NUMBER_AT, _ARCHITECTURE_AT, _ARGUMENTS_AT = 0, 4, 16

_LOAD, _RETURN = 0x20, 0x06
_JUMP_EQUAL, _JUMP_AT_LEAST, _JUMP_ANY_BIT = 0x15, 0x35, 0x45
_LONGEST_JUMP = 255

type Instruction = tuple[int, int, int, int]
"""Code, jump if true, jump if false, operand: a `struct sock_filter`."""


class Is(Enum):
    """How a check compares an argument to its values."""

    AMONG = auto()
    NOT_AMONG = auto()
    WITH_ANY_BIT_OF = auto()


class Check(Struct, frozen=True):
    """A condition on the low 32 bits of an argument. The kernel ignores the high half of an int."""

    argument: int
    comparison: Is
    values: tuple[int, ...]


class Rule(Struct, frozen=True):
    """System calls to refuse with an error number: always, or when any of the checks holds."""

    names: Sequence[str]
    checks: Sequence[Check] = ()
    error: int = errno.EPERM


def compile_filter(rules: Iterable[Rule], machine: str) -> list[Instruction]:
    """Return the program that applies the rules and refuses all calls by the ABI of another architecture."""
    refused: Instruction = (_RETURN, 0, 0, _ERRNO | errno.EPERM)
    program: list[Instruction] = [
        (_LOAD, 0, 0, _ARCHITECTURE_AT),
        (_JUMP_EQUAL, 1, 0, _AUDIT_ARCHITECTURE[machine]),
        refused,
        (_LOAD, 0, 0, _NUMBER_AT),
    ]
    if machine == "x86_64":
        program += [(_JUMP_AT_LEAST, 0, 1, _X32_BIT), refused]
    for number, block in _blocks(rules, machine).items():
        if len(block) > _LONGEST_JUMP:
            raise ValueError(f"the checks of system call {number} are too many for one jump")
        program += [(_JUMP_EQUAL, 0, len(block), number), *block]
    return [*program, (_RETURN, 0, 0, _ALLOW)]


def _blocks(rules: Iterable[Rule], machine: str) -> Mapping[int, list[Instruction]]:
    """Return the instructions for each system call, by number."""
    blocks: dict[int, list[Instruction]] = {}
    for rule in rules:
        refuse: Instruction = (_RETURN, 0, 0, _ERRNO | rule.error)
        block = [one for check in rule.checks for one in _checked(check, refuse)] or [refuse]
        for name in rule.names:
            number = syscalls.number_of(name, machine)
            if number is not None:
                blocks[number] = [*block, (_RETURN, 0, 0, _ALLOW)]
    return blocks


def _checked(check: Check, refuse: Instruction) -> list[Instruction]:
    load: Instruction = (_LOAD, 0, 0, _ARGUMENTS_AT + 8 * check.argument)
    count = len(check.values)
    match check.comparison:
        case Is.AMONG:
            jumps = [(_JUMP_EQUAL, count - n - 1, int(n == count - 1), value) for n, value in enumerate(check.values)]
        case Is.NOT_AMONG:
            jumps = [(_JUMP_EQUAL, count - n, 0, value) for n, value in enumerate(check.values)]
        case Is.WITH_ANY_BIT_OF:
            jumps = [(_JUMP_ANY_BIT, 0, 1, check.values[0])]
    return [load, *jumps, refuse]


_INSTRUCTION = struct.Struct("=HBBI")
_OPERAND_AT = 4


def packed(program: Iterable[Instruction]) -> bytes:
    """Return a program as the kernel reads it."""
    return b"".join(_INSTRUCTION.pack(*jump, operand & 0xFFFF_FFFF) for *jump, operand in program)


class PackedFilter:
    """A program with placeholders, packed once for all processes."""

    def __init__(self, program: Sequence[Instruction]) -> None:
        self._bytes = packed(program)
        self._places = [
            (n * _INSTRUCTION.size + _OPERAND_AT, one[3]) for n, one in enumerate(program) if one[3] in _PLACEHOLDERS
        ]

    def of_process(self, pid: int, template: int) -> bytes:
        """Return the program with these process ids in place of the placeholders."""
        ids = {OWN: pid, TEMPLATE: template, TEMPLATE_GROUP: -template}
        program = bytearray(self._bytes)
        for place, placeholder in self._places:
            struct.pack_into("=i", program, place, ids[placeholder])
        return bytes(program)


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def check_available() -> None:
    """Raise OSError if the kernel or the host does not permit filters."""
    action = ctypes.c_uint32(_ERRNO)
    syscalls.syscall(syscalls.own_number_of("seccomp"), _GET_ACTION_AVAILABLE, 0, ctypes.byref(action))


def install(program: bytes) -> None:
    """Install a packed program for this thread and its later children. Needs `no_new_privs`. Raises OSError."""
    given = _Program(len(program) // _INSTRUCTION.size, program)
    syscalls.syscall(syscalls.own_number_of("seccomp"), _SET_MODE_FILTER, _SPEC_ALLOW, ctypes.byref(given))
