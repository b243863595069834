"""System calls, processes and files that the confinement of a worker process refuses or permits."""

import contextlib
import json
import os
import subprocess
import threading

import pytest

from tests.process.sandbox.attempts import outcomes_of
from tests.process.sandbox.harness import Harness, alive

NAMED = {
    "kill": "os.kill({pid}, 0)",
    "stop": "os.kill({pid}, signal.SIGSTOP)",
    "kill its group": "os.killpg(os.getpgid({pid}), 0)",
    "tgkill": "call('tgkill', {pid}, {pid}, 0)",
    "queue": "call('sigqueue', {pid}, 0, None)",
    "pidfd": "os.pidfd_open({pid})",
    "limits": "resource.prlimit({pid}, resource.RLIMIT_NOFILE, (3, 3))",
    "affinity": "os.sched_setaffinity({pid}, {{0}})",
    "scheduling class": "os.sched_setscheduler({pid}, os.SCHED_IDLE, os.sched_param(0))",
    "scheduling parameters": "os.sched_setparam({pid}, os.sched_param(0))",
    "niceness": "os.setpriority(os.PRIO_PROCESS, {pid}, 19)",
    "niceness of its group": "os.setpriority(os.PRIO_PGRP, os.getpgid({pid}), 19)",
    "signals of a descriptor": "__import__('fcntl').fcntl(1, 8, {pid})",
    "trace": "call('ptrace', 16, {pid}, None, None)",
}
"""System calls on another process."""

ALONE = {
    "all processes": "os.kill(-1, 0)",
    "internet": "socket.socket(socket.AF_INET)",
    "internet 6": "socket.socket(socket.AF_INET6)",
    "netlink": "socket.socket(socket.AF_NETLINK)",
    "host": "socket.socket(socket.AF_VSOCK)",
    "shared memory": "call('shmget', 0x11, 4096, 0o1600)",
    "semaphores": "call('semget', 0x11, 1, 0o1600)",
    "messages": "call('msgget', 0x11, 0o1600)",
    "POSIX messages": "call('mq_open', b'/interlock', 66, 0o600, None)",
    "user namespace": "os.unshare(os.CLONE_NEWUSER)",
    "mount namespace": "os.unshare(os.CLONE_NEWNS)",
    "another's namespace": "os.setns(os.open('/proc/self/ns/net', os.O_RDONLY))",
    "keyring": "call('syscall', {add_key}, b'user', b'interlock', b'x', ctypes.c_size_t(1), -3)",
    "mount": "call('mount', b'none', b'/mnt', b'tmpfs', 0, None)",
}
ADD_KEY = 217 if os.uname().machine == "aarch64" else 248


@pytest.mark.parametrize("whose", ["supervisor", "zygote"])
def test_supervisor_and_zygote_are_out_of_reach(harness: Harness, whose: str) -> None:
    pid = os.getpid() if whose == "supervisor" else harness.zygote.pid
    attempts = {name: code.format(pid=pid) for name, code in NAMED.items()}

    assert outcomes_of(harness, attempts) == dict.fromkeys(NAMED, "EPERM")
    assert alive(pid)


def test_calls_that_outlive_a_run_or_raise_privileges_are_refused(harness: Harness) -> None:
    attempts = {name: code.format(add_key=ADD_KEY) for name, code in ALONE.items()}

    assert outcomes_of(harness, attempts) == dict.fromkeys(ALONE, "EPERM")


def test_newer_system_calls_that_get_around_a_rule_do_not_exist(harness: Harness) -> None:
    numbers = {"io_uring_setup": 425, "io_uring_enter": 426, "io_uring_register": 427, "clone3": 435}
    attempts = {name: f"call('syscall', {number}, 0, None)" for name, number in numbers.items()}

    assert outcomes_of(harness, attempts) == dict.fromkeys(numbers, "ENOSYS")


def test_child_processes_are_confined_too(harness: Harness) -> None:
    source = (
        "import subprocess, sys\n"
        "tried = 'import socket\\ntry: socket.socket()\\nexcept PermissionError: print(\"refused\")'\n"
        "result = subprocess.run([sys.executable, '-c', tried], capture_output=True, text=True).stdout.strip()"
    )
    assert harness.result(source) == "refused"


ORDINARY = {
    "its own limits": "resource.setrlimit(resource.RLIMIT_NOFILE, resource.getrlimit(resource.RLIMIT_NOFILE))",
    "its own limits by id": "resource.prlimit(os.getpid(), resource.RLIMIT_CORE, (0, 0))",
    "its own affinity": "os.sched_setaffinity(0, os.sched_getaffinity(0))",
    "its own niceness": "os.setpriority(os.PRIO_PROCESS, os.getpid(), os.getpriority(os.PRIO_PROCESS, 0))",
    "a signal to itself": "os.kill(os.getpid(), 0)",
    "a signal to its group": "os.killpg(0, 0)",
    "a pair of sockets": "socket.socketpair()",
    "a Unix socket": "socket.socket(socket.AF_UNIX)",
}


def test_calls_on_its_own_process_are_permitted(fresh: Harness) -> None:
    assert outcomes_of(fresh, ORDINARY) == dict.fromkeys(ORDINARY, "done")


LIBRARIES = {
    "threads": "import concurrent.futures as f\nwith f.ThreadPoolExecutor(4) as pool:\n"
    "    result = sum(pool.map(int, '123'))",
    "subprocess": "import subprocess\n"
    "result = len(subprocess.run('echo 12345', shell=True, capture_output=True).stdout)",
    "ends a child": "import subprocess\nchild = subprocess.Popen(['sleep', '60'])\nchild.kill()\n"
    "result = child.wait() + 15",
    "abort of a child": "import os, signal\npid = os.fork()\nif not pid: os.abort()\n"
    "result = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) + 12",
    "asyncio": "import asyncio\nasync def main():\n"
    "    child = await asyncio.create_subprocess_exec('echo', '12345', stdout=-1)\n"
    "    return len((await child.communicate())[0])\n"
    "result = asyncio.run(main())",
    "multiprocessing": "import multiprocessing as m\ncontext = m.get_context('fork')\n"
    "here, there = context.Pipe()\nchild = context.Process(target=there.send, args=(6,))\nchild.start()\n"
    "result = here.recv()\nchild.join()",
    "descriptors between processes": "import os, socket\nhere, there = socket.socketpair()\n"
    "socket.send_fds(here, [b'x'], [0])\nresult = 5 + len(socket.recv_fds(there, 1, 1)[1])",
}


@pytest.mark.parametrize("library", LIBRARIES)
def test_libraries_work_as_before(harness: Harness, library: str) -> None:
    assert harness.result(LIBRARIES[library]) == "6"


WITH_NAMES = {
    "semaphores": "m.get_context('fork').Pool(2)",
    "forkserver": "m.get_context('forkserver').Process(target=print).start()",
    "manager": "m.get_context('fork').Manager()",
    "shared memory": "SharedMemory(create=True, size=6)",
}
"""Objects with names that other tenants could know. None of them works on Lambda, which has no /dev/shm."""


@pytest.mark.parametrize("library", WITH_NAMES)
def test_libraries_cannot_share_by_name(harness: Harness, library: str) -> None:
    source = (
        "import multiprocessing as m\nfrom multiprocessing.shared_memory import SharedMemory\n"
        f"try: {WITH_NAMES[library]}\nexcept (PermissionError, EOFError) as error: result = 'refused'"
    )
    assert harness.result(source) == "refused"


def test_forked_process_ends_on_sigterm_however_early_it_arrives(harness: Harness) -> None:
    source = (
        "import os, signal, time\nends = set()\nfor _ in range(50):\n    pid = os.fork()\n"
        "    if not pid: time.sleep(60)\n    os.kill(pid, signal.SIGTERM)\n"
        "    ends.add(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))\nresult = ends"
    )
    assert harness.result(source) == "{-15}"


def test_forked_process_keeps_the_handler_of_the_tool(harness: Harness) -> None:
    source = (
        "import os, signal, time\nsignal.signal(signal.SIGTERM, lambda *_: os._exit(7))\npid = os.fork()\n"
        "while not pid: time.sleep(0.01)  # a signal just before a long sleep would be handled after it\n"
        "os.kill(pid, signal.SIGTERM)\nresult = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])"
    )
    assert harness.result(source) == "7"


LOOK = {
    **{name: f"open('/proc/{{pid}}/{name}', 'rb').read(1)" for name in ("environ", "maps", "mem", "auxv")},
    "descriptors": "os.readlink('/proc/{pid}/fd/0')",
    "memory map": "os.open('/proc/{pid}/mem', os.O_RDWR)",
    "signal": "os.kill({pid}, 0)",
    "signal by a thread's id": "os.kill({tid}, 0)",
}


@pytest.mark.parametrize("whose", ["supervisor", "zygote", "sibling", "bystander"])
def test_other_processes_cannot_be_read_or_signalled(harness: Harness, whose: str) -> None:
    """Without the confinement, a worker process that runs as root could read all processes."""
    with subprocess.Popen(["sleep", "60"]) as bystander, contextlib.ExitStack() as ends:
        ends.callback(bystander.kill)
        release = threading.Event()
        ends.callback(release.set)
        thread = threading.Thread(target=release.wait)
        thread.start()
        pids = {"supervisor": os.getpid(), "zygote": harness.zygote.pid, "sibling": harness.pid(key="sibling")}
        pid = {**pids, "bystander": bystander.pid}[whose]
        tid = thread.native_id if whose == "supervisor" else pid
        ends_with = outcomes_of(harness, {name: code.format(pid=pid, tid=tid) for name, code in LOOK.items()})

    assert set(ends_with.values()) <= {"EPERM", "EACCES"}, ends_with


def test_worker_process_keeps_only_capabilities_over_files(harness: Harness) -> None:
    """Programs that it starts get no other capabilities either, even if the tests run as root."""
    source = (
        "import subprocess\nresult = subprocess.run(['grep', '^Cap[EP]', '/proc/self/status'], capture_output=True)"
    )

    lines = harness.result(source + ".stdout.decode().split()[1::2]")

    assert all(int(one, 16) & ~0b11111 == 0 for one in json.loads(lines.replace("'", '"')))


def test_own_children_can_be_read_and_signalled(harness: Harness) -> None:
    source = """
import os, signal, time
pid = os.fork()
if not pid: time.sleep(60)
result = len(open(f"/proc/{pid}/environ").read()) > 0
os.kill(pid, signal.SIGKILL)
os.waitpid(pid, 0)
"""
    assert harness.result(source) == "True"


def test_files_are_moved_and_linked_as_before(harness: Harness) -> None:
    source = """
import os
os.makedirs("a"); os.makedirs("b")
open("a/file", "w").close()
os.rename("a/file", "b/file")
os.link("b/file", "a/link")
os.symlink("/", "root")
result = sorted(os.listdir("a") + os.listdir("b"))
"""
    assert harness.result(source) == "['file', 'link']"
