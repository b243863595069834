"""The rules of a worker process's seccomp filter: which system calls are refused, and with which arguments."""

import errno
from collections.abc import Collection
from socket import AF_INET, AF_INET6, AF_UNIX, IPPROTO_ICMP, IPPROTO_ICMPV6, IPPROTO_TCP, IPPROTO_UDP

from interlock.sandbox.worker.seccomp import OWN, TEMPLATE, TEMPLATE_GROUP, Check, Is, Rule

_AF_NETLINK = 16  # `socket` has it on Linux alone
_MSG_FASTOPEN = 0x2000_0000
_TCP_ULP = 31

_NAMESPACES = 0x7E02_0000
"""CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID and NEWNET."""

_NEW_TIME_NAMESPACE = 0x80  # for unshare; clone has a signal number in these bits
_PIDFD_THREAD = 0x80
_PRIO_PROCESS, _IOPRIO_WHO_PROCESS = 0, 1
_F_SETOWN, _F_SETSIG, _F_SETOWN_EX, _F_SETLEASE, _F_NOTIFY = 8, 10, 15, 1024, 1026
_FIOSETOWN, _SIOCSPGRP, _TIOCSTI = 0x8901, 0x8902, 0x5412

_FOREIGN_MEMORY = (
    *("ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "process_mrelease", "pidfd_getfd", "kcmp"),
    *("migrate_pages", "move_pages"),
)
_KERNEL_SURFACE = ("bpf", "perf_event_open", "userfaultfd", "open_by_handle_at")
_OUTLIVES_THE_RUN = (
    *("shmget", "shmat", "shmctl", "semget", "semop", "semtimedop", "semctl"),
    *("msgget", "msgsnd", "msgrcv", "msgctl", "mq_open", "mq_unlink", "add_key", "request_key", "keyctl"),
)
_ADMINISTRATION = (
    *("setns", "mount", "umount2", "pivot_root", "chroot", "fsopen", "fspick", "fsconfig", "fsmount", "move_mount"),
    *("open_tree", "mount_setattr", "swapon", "swapoff", "quotactl", "acct", "syslog", "reboot", "iopl", "ioperm"),
    *("init_module", "finit_module", "delete_module", "kexec_load", "kexec_file_load"),
    *("settimeofday", "clock_settime", "sethostname", "setdomainname"),
)
_OF_PROCESSES = ("prlimit64", "sched_setaffinity", "sched_setscheduler", "sched_setparam", "sched_setattr")
_SIGNAL_THREADS = ("tkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo")
_HAS_A_FALLBACK = ("io_uring_setup", "io_uring_enter", "io_uring_register", "clone3")
"""Refused with ENOSYS, so that libraries fall back to the older call. `clone3` passes its flags in memory, which a
filter cannot read."""


def _is(argument: int, *values: int) -> Check:
    return Check(argument, Is.AMONG, values)


def _is_not(argument: int, *values: int) -> Check:
    return Check(argument, Is.NOT_AMONG, values)


def _has(argument: int, bits: int) -> Check:
    return Check(argument, Is.WITH_ANY_BIT_OF, (bits,))


def rules(*, network: bool, protected: Collection[int]) -> list[Rule]:
    """Return the rules of all processes that run code. `protected` holds process ids that they must not signal or
    change, and process groups as negative numbers.

    A filter cannot tell which process a thread id belongs to, and `kill()` accepts any thread id. Without Landlock, a
    protected process with several threads can therefore still be signalled by the id of one of its other threads.
    """
    return [
        Rule((*_FOREIGN_MEMORY, *_KERNEL_SURFACE, *_OUTLIVES_THE_RUN, *_ADMINISTRATION)),
        Rule(_HAS_A_FALLBACK, error=errno.ENOSYS),
        # Limits and scheduling.
        Rule(_OF_PROCESSES, [_is(0, *protected)]),
        Rule(("setpriority",), [_is_not(0, _PRIO_PROCESS), _is(1, *protected)]),
        Rule(("ioprio_set",), [_is_not(0, _IOPRIO_WHO_PROCESS), _is(1, *protected)]),
        # Signals: by `kill` and `tgkill`. Calls with descriptors cannot be checked.
        Rule(("kill",), [_is(0, -1, *protected)]),
        Rule(("tgkill",), [_is(0, *protected)]),
        Rule(("pidfd_open",), [_is(0, *protected), _has(1, _PIDFD_THREAD)]),
        Rule(_SIGNAL_THREADS, [_is(0, *protected)]),
        Rule(("pidfd_send_signal",)),
        Rule(("fcntl",), [_is(1, _F_SETOWN, _F_SETSIG, _F_SETOWN_EX, _F_SETLEASE, _F_NOTIFY)]),
        # With these, an idle process could record which files the runs of other tenants use.
        Rule(("inotify_init", "inotify_init1", "fanotify_init")),
        Rule(("ioctl",), [_is(1, _FIOSETOWN, _SIOCSPGRP, _TIOCSTI)]),
        # The signal of a timer is passed in memory, which a filter cannot read. With SIGCONT, a timer would continue a
        # worker process that is stopped between its runs.
        Rule(("timer_create",)),
        # A user namespace would come with all capabilities.
        Rule(("clone",), [_has(0, _NAMESPACES)]),
        Rule(("unshare",), [_has(0, _NAMESPACES | _NEW_TIME_NAMESPACE)]),
        Rule(("socketpair",), [_is_not(0, AF_UNIX)]),
        *(_WITH_NETWORK if network else _WITHOUT_NETWORK),
    ]  # fmt: skip


def rules_of_workers() -> list[Rule]:
    """Return the rules that a worker process adds before its first request: it may change itself only, and must not
    signal the template that it was forked from."""
    return [
        Rule(_OF_PROCESSES, [_is_not(0, 0, OWN)]),
        Rule(("setpriority", "ioprio_set"), [_is_not(1, 0, OWN)]),
        Rule(_SIGNAL_THREADS, [_is_not(0, OWN)]),
        Rule(("kill", "tgkill", "pidfd_open"), [_is(0, TEMPLATE, TEMPLATE_GROUP)]),
    ]


_WITHOUT_NETWORK = [
    Rule(("socket",), [_is_not(0, AF_UNIX)]),
    # The name of an abstract socket can be read by the processes of other tenants.
    Rule(("bind", "listen")),
]

_WITH_NETWORK = [
    # Landlock checks the ports of plain TCP only, and only in `connect()`. Multipath TCP, SMC and vsock, and TCP Fast
    # Open, which connects in `sendto()`, would get around it.
    Rule(
        ("socket",),
        [
            _is_not(0, AF_UNIX, AF_INET, AF_INET6, _AF_NETLINK),
            _is_not(2, 0, IPPROTO_ICMP, IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMPV6),
        ],
    ),
    Rule(("setsockopt",), [_is(2, _TCP_ULP)]),  # turns a TCP socket into an SMC socket
    Rule(("sendto", "sendmmsg"), [_has(3, _MSG_FASTOPEN)]),
    Rule(("sendmsg",), [_has(2, _MSG_FASTOPEN)]),
]
