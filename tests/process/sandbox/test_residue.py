"""Separation of tenants: templates, processes and files, and the ways to pass data that cannot be closed."""

import os
import signal
from pathlib import Path

import pytest

from interlock.sandbox import Code, Completed
from tests.process.sandbox.harness import Harness, alive, wait_until

SECRET = f"secret-{os.getpid()}"
OPEN = {
    "the name of its process": (
        f"import ctypes\nctypes.CDLL(None).prctl(15, b'{SECRET}', 0, 0, 0)",
        f"import subprocess as s\nresult = b'{SECRET}' in s.run('cat /proc/[0-9]*/comm', shell=True, stdout=-1).stdout",
    ),
    "a file lock": (
        "import fcntl, sys\nsys.held = open('{file}')\nfcntl.flock(sys.held, fcntl.LOCK_SH)",
        "import os\nresult = f\":{{os.stat('{file}').st_ino}} \" in open('/proc/locks').read()",
    ),
}
"""Ways that end with the process: what one run does, and how another looks for it."""


def sources(way: str, folder: Path) -> list[str]:
    file = folder / "locked"
    file.touch()
    return [source.format(file=file) for source in OPEN[way]]


TRIES = 3
"""A busy machine may end a process that would be kept otherwise."""


@pytest.mark.parametrize("way", OPEN)
def test_a_warm_process_can_be_seen_by_another_tenant(emptied: Harness, tmp_path: Path, way: str) -> None:
    leave, look = sources(way, tmp_path)
    seen = []
    for _ in range(TRIES):
        emptied.result(leave, key="one")
        seen.append(emptied.result(look, key="other"))
    assert "True" in seen


@pytest.mark.parametrize("way", OPEN)
def test_process_of_one_run_cannot_be_seen_by_another_tenant(emptied: Harness, tmp_path: Path, way: str) -> None:
    leave, look = sources(way, tmp_path)
    emptied.result(leave, key="one", once=True)
    assert emptied.result(look, key="other") == "False"


WRITES = {
    "a new file": "open('{folder}/new', 'w')",
    "an existing file": "open('{folder}/file', 'r+')",
    "a shorter file": "os.truncate('{folder}/file', 0)",
    "a removed file": "os.remove('{folder}/file')",
    "a file moved out": "open('own', 'w').close()\nos.rename('own', '{folder}/own')",
    "a link": "os.symlink('/', '{folder}/link')",
    "a folder": "os.mkdir('{folder}/folder')",
    "a named pipe": "os.mkfifo('{folder}/pipe')",
    "shared memory": "open('/dev/shm/interlock', 'w')",
    "another's folder": "open(f'{{os.path.dirname(os.path.dirname(os.getcwd()))}}/file', 'w')",
}


@pytest.mark.parametrize("permitted", [False, True])
def test_files_are_changed_only_where_that_is_permitted(tmp_path: Path, permitted: bool) -> None:
    harness = Harness.new(writable=[str(tmp_path)] if permitted else [])
    outcomes = {}
    for what, source in WRITES.items():
        (tmp_path / "file").write_text("content")
        ending = harness.run("import os\n" + source.format(folder=tmp_path))
        outcomes[what] = isinstance(ending, Completed)
    harness.sandbox.close()
    never = {"shared memory", "another's folder"}
    assert outcomes == {what: permitted and what not in never for what in WRITES}


def test_times_of_files_are_not_restricted(emptied: Harness, tmp_path: Path) -> None:
    """Landlock has no access right for timestamps, and a seccomp filter would break `shutil.copy2` and archives."""
    emptied.result(f"import os\nos.utime({str(tmp_path)!r}, ns=(4711, 4711))", once=True)
    assert tmp_path.stat().st_mtime_ns == 4711


def test_code_is_loaded_once_for_all_tenants(emptied: Harness) -> None:
    loading = "import os\nloaded_in = os.getpid()\n#ready\n"
    results = {emptied.result(loading + "result = loaded_in, os.getpid() != loaded_in", key=key) for key in "abc"}
    assert len(results) == 1
    assert results.pop().endswith("True)")


def test_a_tenant_keeps_its_process(emptied: Harness) -> None:
    def keep_them() -> bool:
        pids = {key: emptied.pid(key=key) for key in "ab"}
        assert len(set(pids.values())) == 2
        return {key: emptied.pid(key=key) for key in "ab"} == pids

    # A process that is preempted while it stops counts its context switch late, and is then replaced.
    assert any(keep_them() for _ in range(3))


def test_a_process_of_one_run_serves_no_other(emptied: Harness) -> None:
    source = "import os\nresult = os.getpid()"
    warm = {emptied.result(source) for _ in range(2)}
    once = {emptied.result(source, once=True) for _ in range(3)}
    assert len(once) == 3
    assert not warm & once


UNFORKABLE = {
    "a thread": "import threading, time\nthreading.Thread(target=time.sleep, args=(60,), daemon=True).start()",
    "a child process": "import subprocess\nchild = subprocess.Popen(['sleep', '60'])",
    "an open file": "file = open('/etc/passwd')",
    "an open device": "file = open('/dev/urandom')",
    "a process of its own": (
        "import os, time\nstarted = os.fork()\nif started == 0:\n    if os.fork() == 0:\n        time.sleep(60)\n"
        "    os._exit(0)\nos.waitpid(started, 0)"
    ),
    "a socket": "import socket\nopened = socket.socket(socket.AF_UNIX)",
    "shared memory": "import mmap\nmemory = mmap.mmap(-1, 4096)",
    "shared memory that is read-only for now": "import mmap\nmemory = mmap.mmap(-1, 4096, prot=mmap.PROT_READ)",
    "a signal handler": "import signal\nsignal.signal(signal.SIGUSR1, print)",
    "a timer": "import signal\nsignal.setitimer(signal.ITIMER_REAL, 60)",
    "a umask": "import os\nos.umask(0o077)",
    "a limit": "import resource\nresource.setrlimit(resource.RLIMIT_NOFILE, (100, 100))",
}


@pytest.mark.parametrize("left", UNFORKABLE)
def test_code_that_changes_its_process_is_loaded_in_each_process(emptied: Harness, left: str) -> None:
    source = UNFORKABLE[left] + "\nimport os\nloaded_in = os.getpid()\n#ready\nresult = os.getpid() == loaded_in"
    for key in ("one", "other"):
        assert emptied.result(source, key=key) == "True"
        [reason] = emptied.unforkable
        assert reason.startswith("loading it leaves behind: ")
        assert "/" not in reason, "callers may read it"
    assert not list(emptied.sandbox._pool.templates)


def test_code_that_is_not_fork_safe_is_loaded_in_each_process(emptied: Harness) -> None:
    source = "import os\nloaded_in = os.getpid()\n#ready\nresult = os.getpid() == loaded_in"
    assert {emptied.result(source, key=key, fork_safe=False) for key in "ab"} == {"True"}
    assert emptied.unforkable == [], "it has been declared"


def test_threads_of_a_library_that_expects_forks_do_not_matter(emptied: Harness) -> None:
    source = (
        "import os, numpy\nloaded_in = os.getpid()\n#ready\n"
        "numbers = numpy.random.random((300, 300))\nproduct = numbers @ numbers\nresult = os.getpid(), loaded_in"
    )
    first = emptied.result(source)
    pid, loaded_in = first.strip("()").split(", ")
    assert pid != loaded_in
    assert emptied.result(source) == first, "its threads cost the process"


def test_loader_that_returns_an_answer_ends_the_run_with_it(emptied: Harness) -> None:
    ending = emptied.run("refused = 'no model'\n#ready\nresult = 'run'")
    assert ending == Completed(pid=ending.pid, payload=b"no model")
    emptied.assert_nothing_left()


def test_a_template_killed_while_it_is_idle_is_replaced(emptied: Harness) -> None:
    emptied.pid(key="one")
    [template] = emptied.sandbox._pool.templates
    os.kill(template.pid, signal.SIGKILL)
    wait_until(lambda: not alive(template.pid), "it is gone")
    assert emptied.result("result = 1", key="other") == "1"
    emptied.assert_nothing_left()


def test_a_worker_process_that_is_ended_at_once_leaves_its_template(emptied: Harness) -> None:
    """A new worker process may still be in its template's process group, which must not be killed with it."""
    emptied.pid()
    pool = emptied.sandbox._pool
    [template] = pool.templates
    for _ in range(20):
        worker = pool.fork(Code())
        assert worker is not None
        pool.discard(worker)
    assert list(pool.templates) == [template]
    assert alive(template.pid)


def test_a_template_that_names_another_process_is_ended(emptied: Harness) -> None:
    """Hostile code answers in place of the template, with the id of a process that the template has not forked."""
    names = f"from interlock.sandbox.worker import template\ntemplate._fork_below = lambda zygote: {os.getpid()}"
    assert_loads_itself(emptied, names)


@pytest.mark.parametrize("before", ["os._exit(1)", "os.abort()", "time.sleep(60)"], ids=["exits", "aborts", "hangs"])
def test_code_whose_fork_handler_fails_is_loaded_in_each_process(
    emptied: Harness, before: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("interlock.sandbox.supervisor.commands.ANSWER_LIMIT_S", 0.5)
    assert_loads_itself(emptied, f"import os, time\nos.register_at_fork(before=lambda: {before})")


def assert_loads_itself(harness: Harness, loading: str) -> None:
    """Assert that a template from which no process can be forked is ended, and the run is served without it."""
    source = f"{loading}\nimport os\nloaded_in = os.getpid()\n#ready\nresult = os.getpid() == loaded_in"
    assert harness.result(source, key="unforkable") == "True"
    assert harness.unforkable == ["no process could be forked from it"]
    assert not list(harness.sandbox._pool.templates)
    harness.assert_usable()


THREAD = "import threading, time\nthreading.Thread(target=time.sleep, args=(60,), daemon=True).start()\n#ready\n"
LEAVES = {
    "a file beside its directory": "open('../planted', 'w').close()",
    "a directory for loading": "os.mkdir('../load')\nopen('../load/planted', 'w').close()",
    "another directory in place of its own": (
        "own = os.getcwd()\nos.rename(own, own + '-was')\nos.mkdir(own)\nopen(own + '/planted', 'w').close()\n"
        "os.chdir(own)"
    ),
    "a file in the directory of loading": (
        f"{THREAD}from contextlib import suppress\nwith suppress(PermissionError):\n"
        " open(os.path.dirname(os.getcwd()) + '-load/planted', 'w').close()"
    ),
}


@pytest.mark.parametrize("left", LEAVES)
def test_no_file_of_a_warm_process_is_left_for_others(left: str) -> None:
    harness = Harness.new(writable=[])
    loading, ready, request = LEAVES[left].rpartition("#ready\n")
    harness.result(f"{loading}{ready}import os\n{request}", key="one")
    look = "import os\nresult = [name for _, _, names in os.walk({root!r}) for name in names]"
    found = harness.result(look.format(root=harness.zygote.folders.root), key="other")
    harness.sandbox.close()
    assert found == "[]"


def test_the_standard_input_has_no_flags_or_locks_of_another_run(emptied: Harness) -> None:
    leave = "import fcntl, os\nfcntl.fcntl(0, fcntl.F_SETFL, os.O_NONBLOCK)\nfcntl.flock(0, fcntl.LOCK_EX)"
    emptied.result(leave, key="one", once=True)
    look = (
        "import fcntl, os\nfcntl.flock(os.open('/dev/null', os.O_RDONLY), fcntl.LOCK_EX | fcntl.LOCK_NB)\n"
        "result = fcntl.fcntl(0, fcntl.F_GETFL) & os.O_NONBLOCK"
    )
    assert emptied.result(look, key="other", once=True) == "0"


@pytest.mark.parametrize("call", ["inotify_init()", "inotify_init1(0)", "fanotify_init(0x200, 0)", "fcntl(0, 1024, 0)"])
def test_a_run_cannot_watch_the_files_of_others(emptied: Harness, call: str) -> None:
    source = f"import ctypes\nlibc = ctypes.CDLL(None, use_errno=True)\nresult = libc.{call}, ctypes.get_errno()"
    assert emptied.result(source) == "(-1, 1)"


@pytest.mark.parametrize("answer", ["b'[]\\n'", "b'5\\n'", "b'[' * 100_000 + b'\\n'", "b'x' * 2000"])
def test_a_template_that_answers_anything_else_is_ended(emptied: Harness, answer: str) -> None:
    assert_loads_itself(
        emptied,
        "import os, time\nfrom interlock.sandbox.worker import template\n"
        f"def hostile(zygote):\n    os.write(template.FORKS, {answer})\n    time.sleep(60)\n"
        "template._fork_below = hostile",
    )
