"""The filter program, run by a small interpreter of the instructions that it uses: on both architectures."""

import errno
import struct

import pytest

from interlock.sandbox.worker.rules import rules, rules_of_workers
from interlock.sandbox.worker.seccomp import OWN, Check, Is, PackedFilter, Rule, compile_filter, packed
from interlock.sandbox.worker.syscalls import number_of

ALLOWED = 0x7FFF_0000
ARCHITECTURE = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
PID, FORKED_FROM, SUPERVISOR, GROUP = 4711, 4000, 100, 90
NEWUSER, THREAD = 0x1000_0000, 0x3D0F00


def decided(program: bytes, number: int, arguments: tuple[int, ...], architecture: int) -> int:
    """Return the error number that the program gives a call, or 0 if the call is allowed."""
    data = struct.pack(
        "=IIQ6Q", number, architecture, 0, *(one & (1 << 64) - 1 for one in (*arguments, 0, 0, 0, 0, 0, 0)[:6])
    )
    at = accumulator = 0
    while True:
        code, true, false, operand = struct.unpack_from("=HBBI", program, at * 8)
        at += 1
        match code:
            case 0x20:
                accumulator = struct.unpack_from("=I", data, operand)[0]
            case 0x15:
                at += true if accumulator == operand else false
            case 0x35:
                at += true if accumulator >= operand else false
            case 0x45:
                at += true if accumulator & operand else false
            case 0x06:
                return 0 if operand == ALLOWED else operand & 0xFFFF


def compiled(machine: str, *, network: bool = False) -> bytes:
    return packed(compile_filter(rules(network=network, protected=[SUPERVISOR, -GROUP]), machine))


def compiled_for_worker(machine: str) -> bytes:
    return PackedFilter(compile_filter(rules_of_workers(), machine)).of_process(PID, FORKED_FROM)


def error_of(name: str, arguments: tuple[int, ...], machine: str, *, network: bool = False) -> int:
    number = number_of(name, machine)
    assert number is not None
    programs = compiled(machine, network=network), compiled_for_worker(machine)
    return max(decided(program, number, arguments, ARCHITECTURE[machine]) for program in programs)


CALLS: list[tuple[str, tuple[int, ...], int]] = [
    ("socket", (1,), 0),
    ("socket", (2,), errno.EPERM),
    ("socket", (40,), errno.EPERM),
    ("socketpair", (1,), 0),
    ("socketpair", (2,), errno.EPERM),
    ("kill", (PID, 9), 0),
    ("kill", (0, 9), 0),
    ("kill", (-PID, 9), 0),
    ("kill", (PID + 1, 9), 0),
    ("kill", (FORKED_FROM, 9), errno.EPERM),
    ("kill", (-FORKED_FROM, 9), errno.EPERM),
    ("prlimit64", (FORKED_FROM,), errno.EPERM),
    ("bind", (3,), errno.EPERM),
    ("kill", (SUPERVISOR, 0), errno.EPERM),
    ("kill", (-GROUP, 19), errno.EPERM),
    ("kill", (-1, 9), errno.EPERM),
    ("kill", ((1 << 32) + SUPERVISOR, 9), errno.EPERM),  # the kernel reads the low 32 bits only
    ("tgkill", (SUPERVISOR, SUPERVISOR + 1, 9), errno.EPERM),
    ("tgkill", (PID, PID + 1, 9), 0),
    ("tkill", (PID, 9), 0),
    ("tkill", (SUPERVISOR + 1, 9), errno.EPERM),
    ("rt_sigqueueinfo", (SUPERVISOR, 9), errno.EPERM),
    ("rt_tgsigqueueinfo", (SUPERVISOR, SUPERVISOR, 9), errno.EPERM),
    ("pidfd_open", (PID + 1, 0), 0),
    ("pidfd_open", (SUPERVISOR, 0), errno.EPERM),
    ("pidfd_open", (SUPERVISOR + 1, 0x80), errno.EPERM),
    ("pidfd_send_signal", (3, 0), errno.EPERM),
    ("prlimit64", (0, 7), 0),
    ("prlimit64", (PID, 7), 0),
    ("prlimit64", (SUPERVISOR, 7), errno.EPERM),
    ("sched_setaffinity", (0,), 0),
    ("sched_setaffinity", (SUPERVISOR + 1,), errno.EPERM),
    ("sched_setattr", (SUPERVISOR,), errno.EPERM),
    ("setpriority", (0, 0, 5), 0),
    ("setpriority", (0, PID, 5), 0),
    ("setpriority", (0, SUPERVISOR, 5), errno.EPERM),
    ("setpriority", (1, 0, 5), errno.EPERM),
    ("setpriority", (2, 0, 5), errno.EPERM),
    ("ioprio_set", (1, 0), 0),
    ("ioprio_set", (1, SUPERVISOR), errno.EPERM),
    ("ioprio_set", (3, 0), errno.EPERM),
    ("fcntl", (1, 3), 0),
    ("fcntl", (1, 8), errno.EPERM),
    ("fcntl", (1, 10), errno.EPERM),
    ("fcntl", (1, 15), errno.EPERM),
    ("ioctl", (1, 0x541B), 0),
    ("ioctl", (1, 0x8901), errno.EPERM),
    ("clone", (THREAD,), 0),
    ("clone", (NEWUSER | 17,), errno.EPERM),
    ("unshare", (0x400,), 0),
    ("unshare", (NEWUSER,), errno.EPERM),
    ("unshare", (0x80,), errno.EPERM),
    ("timer_create", (1,), errno.EPERM),
    ("clone3", (), errno.ENOSYS),
    ("io_uring_setup", (), errno.ENOSYS),
    ("shmget", (), errno.EPERM),
    ("process_vm_readv", (), errno.EPERM),
    ("seccomp", (), 0),
    ("sendto", (3, 0, 0, 0x2000_0000), 0),
]
"""Name, arguments and error number of each call."""

WITH_NETWORK: list[tuple[str, tuple[int, ...], int]] = [
    ("socket", (2, 1, 0), 0),
    ("setsockopt", (3, 6, 31), errno.EPERM),
    ("setsockopt", (3, 6, 1), 0),
    ("socket", (10, 2, 17), 0),
    ("socket", (16, 3, 0), 0),
    ("socket", (40, 1, 0), errno.EPERM),  # vsock
    ("socket", (17, 3, 0), errno.EPERM),  # packet
    ("socket", (2, 1, 262), errno.EPERM),  # Multipath TCP
    ("socket", (2, 1, 256), errno.EPERM),  # SMC
    ("sendto", (3, 0, 0, 0x2000_0000), errno.EPERM),
    ("sendto", (3, 0, 0, 0x4000), 0),
    ("sendmsg", (3, 0, 0x2000_0000), errno.EPERM),
    ("sendmmsg", (3, 0, 1, 0x2000_0000), errno.EPERM),
    ("socketpair", (2,), errno.EPERM),
]


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
@pytest.mark.parametrize(("name", "arguments", "error"), CALLS)
def test_filter_decides_a_call(name: str, arguments: tuple[int, ...], error: int, machine: str) -> None:
    assert error_of(name, arguments, machine) == error


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
@pytest.mark.parametrize(("name", "arguments", "error"), WITH_NETWORK)
def test_filter_with_network_decides_a_call(name: str, arguments: tuple[int, ...], error: int, machine: str) -> None:
    assert error_of(name, arguments, machine, network=True) == error


@pytest.mark.parametrize(
    ("machine", "architecture", "number"),
    [
        ("x86_64", 0x40000003, 1),  # i386
        ("x86_64", ARCHITECTURE["x86_64"], 0x4000_0001),  # x32
        ("aarch64", 0x40000028, 1),  # arm
    ],
)
def test_calls_by_a_foreign_abi_are_refused(machine: str, architecture: int, number: int) -> None:
    assert decided(compiled(machine), number, (), architecture) == errno.EPERM


def test_the_process_id_is_put_in_when_the_program_is_packed() -> None:
    program = compile_filter([Rule(("kill",), [Check(0, Is.NOT_AMONG, (0, OWN))])], "x86_64")

    for pid, error in ((7, 0), (8, errno.EPERM)):
        assert decided(PackedFilter(program).of_process(7, 9), 62, (pid,), ARCHITECTURE["x86_64"]) == error


def test_more_checks_than_a_jump_can_pass_are_refused() -> None:
    with pytest.raises(ValueError, match="system call 62"):
        compile_filter([Rule(("kill",), [Check(0, Is.AMONG, tuple(range(300)))])], "x86_64")


def test_calls_that_an_architecture_lacks_are_left_out() -> None:
    assert len(compile_filter([Rule(("iopl",))], "aarch64")) == len(compile_filter([], "aarch64"))
