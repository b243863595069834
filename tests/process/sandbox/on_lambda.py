"""Run the sandbox with few permissions and print the findings as JSON (test_elsewhere runs this program).

With an argument, an audit hook rejects every write outside the temporary directory, in place of a read-only file
system. It also applies to worker processes, which import this module first.
"""

import errno
import json
import os
import resource
import sys
import tempfile
from copy import replace
from pathlib import Path
from typing import Any

from interlock.sandbox import CancelToken, LogLine

PLACE = tempfile.gettempdir()
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT


def refuse_other_places(event: str, arguments: tuple[Any, ...]) -> None:
    if event != "os.mkdir" and (event != "open" or not arguments[2] & WRITES):
        return
    path = str(arguments[0])
    if path.startswith("/") and not path.startswith((PLACE, "/dev/null", "/proc/self")):
        raise PermissionError(f"only {PLACE} is writable, not {path}")


LOOK_AT_OTHERS = """
import os
found = []
for pid in {pids}:
    for name in ("environ", "mem", "maps", "fd/0"):
        try:
            open(f"/proc/{{pid}}/{{name}}", "rb").read(1)
            found.append([pid, name])
        except OSError:
            pass
result = found
"""
FILL = """
import os
written, limits = 0, 0
for name in range(100):
    try:
        with open(str(name), "wb", buffering=0) as file:
            for _ in range(1000): written += file.write(bytes(1 << 20))
    except OSError as error:
        if written > {enough} or error.errno == 28: break
result = "full"
"""
CLOSED = """
import os
os.makedirs("a/b/c")
open("a/b/c/file", "w").close()
for path in ("a/b/c", "a/b", "a", "."): os.chmod(path, 0)
"""
BOMB = """
import os
while True:
    try:
        if os.fork() == 0: os.setsid()
    except OSError: pass
"""
FULL = """
import os, time
while True:
    try:
        if os.fork() == 0:
            time.sleep(60)
            os._exit(0)
    except OSError: break
channel.log("info", "full")
time.sleep(60)
"""
PLACES = """
import json, os, tempfile
found = []
places = {"shared memory": "/dev/shm", "root": "/", "home": os.path.expanduser("~root"), "variable": "/var/tmp",
           "zygote's": os.path.dirname(os.getcwd()), "run's": tempfile.gettempdir()}
for name, place in places.items():
    try:
        open(os.path.join(place, "file-of-a-test"), "w").close()
        os.unlink(os.path.join(place, "file-of-a-test"))
        found.append(f"<{name}>")
    except OSError: pass
import multiprocessing
try:
    multiprocessing.Lock()
    found.append("semaphores")
except OSError: pass
result = json.dumps(found)
"""


def mounted_for_writing() -> list[str]:
    """Return the mount points of writable file systems, except those of the kernel."""
    mounts = [line.split()[4:6] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    places = [place for place, options in mounts if "rw" in options.split(",") and not place.startswith("/proc")]
    return ["<all>" if place == PLACE else place for place in places]


def answers_of_a_zygote_without_processes(harness: Any) -> list[str]:
    """Return the result of a spawn while the zygote may not fork, and of a spawn after that."""
    zygote, answers = harness.sandbox._pool.current_zygote, []
    limits = resource.prlimit(zygote.pid, resource.RLIMIT_NPROC)
    for soft in (1, limits[0]):
        resource.prlimit(zygote.pid, resource.RLIMIT_NPROC, (soft, limits[1]))
        try:
            answers.append(type(zygote.spawn(network=False)).__name__)
        except OSError as error:
            answers.append(errno.errorcode[error.errno or 0])
    return answers


def ending_without_processes(harness: Any) -> str:
    """Return the ending of a run when neither the sandbox nor this process may start a process."""
    harness.sandbox.close()
    soft, hard = resource.getrlimit(resource.RLIMIT_NPROC)
    resource.setrlimit(resource.RLIMIT_NPROC, (1, hard))
    try:
        return type(harness.run("result = 1")).__name__
    finally:
        resource.setrlimit(resource.RLIMIT_NPROC, (soft, hard))


def beside_a_full_user(harness: Any) -> str:
    """Return the ending of a run that needs a new process while a run of another sandbox has reached the user's process
    limit."""
    other, cancel, endings = type(harness).new(), CancelToken(), []

    def run_beside(_line: LogLine) -> None:
        endings.append(type(harness.run("result = 1", key="another tenant")).__name__)
        cancel.set("seen")

    harness.result("result = 1")
    other.run(FULL, cancel=cancel, on_log=run_beside)
    other.sandbox.close()
    cancel.close()
    [ending] = endings
    return ending


def main(hooked: bool) -> None:
    from tests.process.sandbox.harness import KILLED, PATIENT, Harness

    os.environ["AWS_SECRET_ACCESS_KEY"] = "s3cr3t"
    if hooked:
        sys.addaudithook(refuse_other_places)
    harness = Harness.new(preload=["tests.process.sandbox.on_lambda"], env={"REFUSE": "1"} if hooked else {})
    found: dict[str, Any] = {"uid": os.getuid(), "limits": [*resource.getrlimit(resource.RLIMIT_NOFILE)]}
    idle = harness.pid(key="another plugin")
    pids = [os.getpid(), harness.zygote.pid, idle]
    found["read of others"] = harness.result(LOOK_AT_OTHERS.format(pids=pids))
    found["writable"] = json.loads(harness.result(PLACES))
    found["mounted for writing"], found["shared memory"] = mounted_for_writing(), Path("/dev/shm").exists()
    found["closed folders"] = str(harness.run(CLOSED))
    disk = os.statvfs(PLACE)
    if disk.f_blocks * disk.f_frsize < 1 << 30:
        found["filled"] = str(harness.run(FILL.format(enough=disk.f_bavail * disk.f_frsize)))
    if os.getuid():
        resource.setrlimit(resource.RLIMIT_NPROC, (200, 200))
        harness.sandbox.close()
        harness.sandbox.start()
        found["zygote that may not fork"] = answers_of_a_zygote_without_processes(harness)
        found["no process at all"] = ending_without_processes(harness)
        found["fork bomb"] = type(harness.run(BOMB, replace(KILLED, wall_s=0.5, memory_mb=8000))).__name__
        found["beside as many processes as runs may have"] = beside_a_full_user(harness)
    found["large"] = len(harness.result(f"result = 'x' * {1 << 20}" + " " * 3_000_000, PATIENT))
    harness.assert_usable()
    harness.sandbox.close()
    found["left"] = [path.name for path in Path(PLACE).iterdir() if path.name.startswith("interlock-")]
    print(json.dumps(found))


if __name__ == "__main__":
    main(len(sys.argv) > 1)
elif "REFUSE" in os.environ:
    sys.addaudithook(refuse_other_places)
