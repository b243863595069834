"""A plugin that tries to pass a secret from one run to a later one, in every way that we know of."""

import atexit
import contextlib
import ctypes
import functools
import mmap
import os
import signal
import site
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path

from pydantic import BaseModel

from interlock.plugin import Plugin, ToolContext, tool

NAME = "interlock-residue"
FOLDERS = (
    *("/tmp", "/var/tmp", "/dev/shm", "/run", "/var/lock"),
    *site.getsitepackages(),
    f"{site.getsitepackages()[0]}/__pycache__",
    str(Path(__file__).parent),
    f"{Path(__file__).parent}/__pycache__",
    *("../..", "..", "~"),
)
SYSTEM_V_KEY = 0x11CC
ADD_KEY, KEYCTL, SEARCH, READ = (217, 219, 10, 11) if os.uname().machine == "aarch64" else (248, 250, 10, 11)
USER_KEYRING = -4

libc = ctypes.CDLL(None, use_errno=True)
remembered: dict[str, str] = {}


class Secret(BaseModel):
    text: str
    way: str = ""


class Found(BaseModel):
    """The ways in which the secret was found, and the ids of the process and of its parent."""

    ways: list[str]
    process: int
    zygote: int


class Remembering(Plugin):
    name, version = "remembering", "1.0.0"
    attribute = ""

    @tool()
    def remember(self, input: Secret, context: ToolContext) -> Found:
        """Leave the secret behind in one way. Return the ways in which it could be found now."""
        with contextlib.suppress(OSError, ValueError):
            WAYS[input.way][0](input.text)
        return _found(input.text)

    @tool()
    def recall(self, input: Secret, context: ToolContext) -> Found:
        """Look for the secret in every place."""
        return _found(input.text)

    @tool(isolation="run")
    def remember_in_vain(self, input: Secret, context: ToolContext) -> Found:
        """Leave the secret behind in a process that serves no other run."""
        return self.remember(input, context)


def _found(secret: str) -> Found:
    return Found(ways=list(_ways_that_hold(secret)), process=os.getpid(), zygote=os.getppid())


def _ways_that_hold(secret: str) -> Iterator[str]:
    for way, (_, look) in WAYS.items():
        with contextlib.suppress(OSError, ValueError, KeyError):
            if secret in look():
                yield way


# --- In the process ---


@functools.cache
def cached() -> list[str]:
    return []


def in_a_thread(secret: str) -> None:
    threading.Thread(target=time.sleep, args=(600,), name=secret, daemon=True).start()


def in_a_timer(secret: str) -> None:
    timer = threading.Timer(600, print)
    timer.name = secret
    timer.daemon = True
    timer.start()


def in_a_handler(secret: str) -> None:
    signal.signal(signal.SIGUSR1, functools.partial(print, secret))


def in_c(secret: str) -> None:
    libc.strdup.restype = ctypes.c_void_p
    ctypes.c_void_p.in_dll(libc, "optarg").value = libc.strdup(secret.encode())


def c_memory() -> str:
    return (ctypes.c_char_p.in_dll(libc, "optarg").value or b"").decode()


def in_a_descriptor(secret: str) -> None:
    descriptor = os.memfd_create(NAME)
    os.write(descriptor, secret.encode())


def in_descriptors() -> str:
    texts = []
    for descriptor in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            if "memfd" in str(descriptor.readlink()):
                texts.append(os.pread(int(descriptor.name), 100, 0).decode(errors="replace"))
    return " ".join(texts)


def at_exit(secret: str) -> None:
    atexit.register(in_files, secret)


# --- Outside of it ---


def in_files(secret: str) -> None:
    wrote = 0
    for folder in FOLDERS:
        with contextlib.suppress(OSError):
            Path(folder).expanduser().joinpath(NAME).write_text(secret)
            wrote += 1
    if not wrote:
        raise PermissionError


def files() -> str:
    texts = []
    for folder in FOLDERS:
        with contextlib.suppress(OSError):
            texts.append(Path(folder).expanduser().joinpath(NAME).read_text())
    return " ".join(texts)


def in_its_own_module(secret: str) -> None:
    with Path(__file__).open("a") as file:
        file.write(f"# {secret}\n")


def in_shared_memory(secret: str) -> None:
    try:
        memory = SharedMemory(NAME, create=True, size=100)
    except FileExistsError:
        memory = SharedMemory(NAME)
    assert memory.buf is not None
    memory.buf[: len(secret)] = secret.encode()


def in_system_v_memory(secret: str) -> None:
    segment = libc.shmget(SYSTEM_V_KEY, 4096, 0o1600)
    if segment < 0:
        raise OSError(ctypes.get_errno(), "shmget")
    libc.shmat.restype = ctypes.c_void_p
    ctypes.memmove(libc.shmat(segment, None, 0), secret.encode() + b"\0", len(secret) + 1)


def system_v_memory() -> str:
    segment = libc.shmget(SYSTEM_V_KEY, 0, 0)
    if segment < 0:
        return ""
    libc.shmat.restype = ctypes.c_void_p
    return ctypes.string_at(libc.shmat(segment, None, 0)).decode()


def in_a_queue(secret: str) -> None:
    queue = libc.msgget(SYSTEM_V_KEY, 0o1600)
    if queue < 0:
        raise OSError(ctypes.get_errno(), "msgget")
    libc.msgsnd(queue, struct.pack("l", 1) + secret.encode(), len(secret), 0o4000)


def queue() -> str:
    found, text = libc.msgget(SYSTEM_V_KEY, 0), ctypes.create_string_buffer(200)
    if found < 0 or libc.msgrcv(found, text, 100, 0, 0o4000) < 0:
        return ""
    return text.raw[8:].decode(errors="replace")


def in_a_semaphore(secret: str) -> None:
    """The name of a POSIX semaphore holds the secret."""
    if not libc.sem_open(f"/{NAME}-{secret}".encode(), os.O_CREAT, 0o600, 1):
        raise OSError(ctypes.get_errno(), "sem_open")


def semaphores() -> str:
    return " ".join(map(str, Path("/dev/shm").iterdir()))


def in_a_socket(secret: str) -> None:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(f"\0{NAME}-{secret}")
    listener.listen()
    remembered["socket"] = str(listener.detach())


def sockets() -> str:
    return Path("/proc/net/unix").read_text()


def in_a_key(secret: str) -> None:
    text = secret.encode()
    if libc.syscall(ADD_KEY, b"user", NAME.encode(), text, ctypes.c_size_t(len(text)), USER_KEYRING) < 0:
        raise OSError(ctypes.get_errno(), "add_key")


def key() -> str:
    number = libc.syscall(KEYCTL, SEARCH, USER_KEYRING, b"user", NAME.encode(), 0)
    text = ctypes.create_string_buffer(100)
    if number < 0 or libc.syscall(KEYCTL, READ, number, text, 100) < 0:
        return ""
    return text.value.decode()


def in_a_process(secret: str) -> None:
    subprocess.Popen(["sh", "-c", "sleep 600; true", secret], start_new_session=True)


def processes() -> str:
    texts = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            texts.append((folder / "cmdline").read_text(errors="replace"))
    return " ".join(texts)


def in_an_anonymous_mapping(secret: str) -> None:
    memory = mmap.mmap(-1, 4096)
    memory.write(secret.encode())
    remembered["mapping"] = secret


WAYS: dict[str, tuple[Callable[[str], object], Callable[[], str]]] = {
    "a module's variable": (lambda secret: remembered.update(text=secret), lambda: remembered["text"]),
    "a class attribute": (lambda secret: setattr(Remembering, "attribute", secret), lambda: Remembering.attribute),
    "a builtin": (lambda secret: setattr(sys.modules["builtins"], NAME, secret),
                  lambda: str(getattr(sys.modules["builtins"], NAME, ""))),
    "a cache": (lambda secret: cached().append(secret), lambda: " ".join(cached())),
    "the C library's memory": (in_c, c_memory),
    "a mapping": (in_an_anonymous_mapping, lambda: remembered["mapping"]),
    "the environment": (lambda secret: os.environ.update({NAME: secret}), lambda: os.environ[NAME]),
    "a thread": (in_a_thread, lambda: " ".join(one.name for one in threading.enumerate())),
    "a timer": (in_a_timer, lambda: " ".join(one.name for one in threading.enumerate())),
    "a signal handler": (in_a_handler, lambda: repr(signal.getsignal(signal.SIGUSR1))),
    "an exit handler": (at_exit, files),
    "an open file": (in_a_descriptor, in_descriptors),
    "files": (in_files, files),
    "its own module": (in_its_own_module, lambda: Path(__file__).read_text()),
    "shared memory": (in_shared_memory, lambda: bytes(SharedMemory(NAME).buf or b"").decode(errors="replace")),
    "System V memory": (in_system_v_memory, system_v_memory),
    "a System V queue": (in_a_queue, queue),
    "a semaphore": (in_a_semaphore, semaphores),
    "an abstract socket": (in_a_socket, sockets),
    "a keyring": (in_a_key, key),
    "a process": (in_a_process, processes),
}  # fmt: skip
