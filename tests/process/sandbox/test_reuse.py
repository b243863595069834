"""Runs that keep their process warm, and runs after which it is replaced."""

import os
import signal
from copy import replace
from pathlib import Path

import pytest

from interlock.sandbox.supervisor.run import Run
from tests.process.sandbox.harness import PATIENT, Harness, alive, wait_until

NATIVE_THREAD = """
import ctypes
libc = ctypes.CDLL(None)
libc.pthread_create(ctypes.byref(ctypes.c_ulong()), None, libc.pause, None)
"""

RETIRING = {
    "environment": "import os\nos.environ['NEW'] = '1'",
    "environment emptied": "import os\nos.environ.clear()",
    "working directory": "import os\nos.chdir('/')",
    "working directory removed": "import os\nos.rmdir(os.getcwd())",
    "locale": "import locale\nlocale.setlocale(locale.LC_CTYPE, 'C.UTF-8' if locale.getlocale()[1] is None else 'C')",
    "umask": "import os\nos.umask(0o777)",
    "signal handler": "import signal\nsignal.signal(signal.SIGUSR1, print)",
    "signal ignored": "import signal\nsignal.signal(signal.SIGUSR2, signal.SIG_IGN)",
    "signal handler in C": "import ctypes\nlibc = ctypes.CDLL(None)\nlibc.signal(12, libc.abs)",
    "signal blocked": "import signal\nsignal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM, signal.SIGUSR2])",
    "timer": "import signal\nsignal.setitimer(signal.ITIMER_VIRTUAL, 1000)",
    "limit": "import resource\nresource.setrlimit(resource.RLIMIT_CORE, (0, 0))\n"
    "resource.setrlimit(resource.RLIMIT_NOFILE, (100, 100))",
    "priority": "import os\nos.nice(1)",
    "thread": "import threading, time\nthreading.Thread(target=time.sleep, args=(60,), daemon=True).start()",
    "thread unknown to threading": "import _thread, time\n_thread.start_new_thread(time.sleep, (60,))",
    "native thread": NATIVE_THREAD,
    "child": "import os, time\nif os.fork() == 0:\n    time.sleep(60)",
    "zombie": "import os\nif os.fork() == 0: os._exit(0)",
    "builtins": "import builtins\nbuiltins.open = print",
    "json": "import json\njson.loads = print",
    "json's own modules": "import json.encoder\njson.encoder.JSONEncoder = None",
    "os": "import os\nos.listdir = None",
    "time": "import time\ntime.time = lambda: 0",
    "a name removed": "import os\ndel os.abc",
    "standard output": "import io, sys\nsys.stdout = io.StringIO()",
    "standard output closed": "import sys\nsys.stdout.close()\nimport os\nos.close(1)",
    "descriptor 1 replaced": "import os\nos.dup2(os.open('/dev/null', os.O_WRONLY), 1)",
    "descriptor 0 closed": "import os\nos.close(0)",
    "module path": "import sys\nsys.path.append('/nowhere')",
    "exception hook": "import sys\nsys.excepthook = print",
    "trace function": "import sys\nsys.settrace(lambda *_: None)",
    "profile function": "import sys\nsys.setprofile(lambda *_: None)",
    "recursion limit": "import sys\nsys.setrecursionlimit(5000)",
    "garbage collector disabled": "import gc\ngc.disable()",
    "garbage collector thresholds": "import gc\ngc.set_threshold(1, 1, 1)",
    "garbage collector callback": "import gc\ngc.callbacks.append(lambda *_: None)",
    "garbage collector debugging": "import gc\ngc.set_debug(gc.DEBUG_SAVEALL)",
    "logging disabled": "import logging\nlogging.disable()",
    "logger method": "import logging\nlogging.Logger.info = print",
    "JSON encoder method": "import json\njson.JSONEncoder.default = lambda self, value: 'x'",
    "JSON decoder method": "import json\njson.JSONDecoder.decode = lambda self, text: 'x'",
    "socket timeout": "import socket\nsocket.setdefaulttimeout(1)",
    "switch interval": "import sys\nsys.setswitchinterval(1)",
    "stack size of threads": "import threading\nthreading.stack_size(1 << 20)",
    "digits of an integer": "import sys\nsys.set_int_max_str_digits(0)",
    "thread exception hook": "import threading\nthreading.excepthook = print",
    "unraisable hook": "import sys\nsys.unraisablehook = print",
    "warning hook": "import warnings\nwarnings.showwarning = print",
    "module finder": "import sys\nsys.meta_path.insert(0, object())",
    "no module finders": "import sys\nsys.meta_path.clear()",
    "path hook": "import sys\nsys.path_hooks.insert(0, print)",
    "own wish": "channel.retire()",
}

KEEPING = {
    "nothing": "",
    "output": "import sys\nprint('x' * 100_000)\nprint('y', file=sys.stderr)",
    "files in its directory": "open('file', 'w').write('x')\nimport os\nos.makedirs('a/b/c')",
    "imports": "import fractions, xml.dom.minidom, concurrent.futures",
    "a child that it waited for": "import subprocess\nsubprocess.run(['true'], check=True)",
    "an orphan in its own session": "import os, time\nif os.fork() == 0:\n"
    "    os.setsid()\n    if os.fork() == 0: time.sleep(60)\n    os._exit(0)\nos.wait()",
    "a thread that it waited for": "import threading\n"
    "for _ in range(50):\n    t = threading.Thread(target=int); t.start(); t.join()",
    "a pool that it closed": "from concurrent.futures import ThreadPoolExecutor\n"
    "with ThreadPoolExecutor(8) as pool: list(pool.map(int, range(100)))",
    "an exception that it caught": "try: 1 / 0\nexcept ZeroDivisionError: pass",
    "its directory variables": "import os, tempfile\nos.environ['HOME'] = '/'\ntempfile.tempdir = '/'",
    "progress and logs": "for n in range(100): channel.progress(n / 100, ''); channel.log('info', 'x')",
    "an environment that it put back": "import os\nos.environ['A'] = '1'\ndel os.environ['A']",
    "a root handler": "import logging\nlogging.warning('to standard error')",
    "a warnings filter": "import warnings\nwarnings.simplefilter('ignore')",
    "decimal flags": "import decimal\ndecimal.Decimal(1) / 3",
    "random numbers": "import random\nrandom.random()",
    "a collection of garbage": "import gc\ngc.disable()\ngc.collect()\ngc.enable()",
    "a finder that an import appended": "import sys\nsys.meta_path.append(type(sys.meta_path[-1]))",
    "a socket": "import socket\nsocket.socket(socket.AF_UNIX).close()",
}

RESET = {
    "root handlers": ("logging.warning('x')", "logging.root.handlers"),
    "root level": ("logging.root.setLevel(1)", "logging.root.level"),
    "root filters": ("logging.root.addFilter(print)", "logging.root.filters"),
    "warnings filters": ("warnings.simplefilter('error')", "warnings.filters"),
    "decimal context": ("decimal.getcontext().prec = 3; decimal.Decimal(1) / 3", "decimal.getcontext()"),
}

SEEDED = {
    "random": ("random.seed(1)", "random.random()"),
    "numpy": ("numpy.random.seed(1)", "numpy.random.random()"),
}


@pytest.mark.parametrize("trace", RETIRING)
def test_harmful_trace_of_a_run_costs_its_process(harness: Harness, trace: str) -> None:
    pid = harness.pid()

    harness.result(RETIRING[trace])

    assert not alive(pid)
    assert harness.pid() != pid


@pytest.mark.parametrize("trace", KEEPING)
def test_harmless_trace_of_a_run_keeps_its_process(harness: Harness, trace: str) -> None:
    pid = harness.pid()

    harness.result(KEEPING[trace])

    harness.assert_nothing_left()
    assert harness.pid() == pid


@pytest.mark.parametrize("name", RESET)
def test_settings_that_change_in_honest_use_are_reset(harness: Harness, name: str) -> None:
    change, look = RESET[name]
    modules = "import decimal, logging, warnings\n"
    look = f"{modules}import os\nresult = os.getpid(), {look}"
    before = harness.result(look)
    harness.result(modules + change)
    assert harness.result(look) == before


@pytest.mark.parametrize("name", SEEDED)
def test_random_numbers_do_not_continue_a_seed_of_the_run_before(fresh: Harness, name: str) -> None:
    seed, number = SEEDED[name]
    pid = fresh.result(f"import os, {name}\n#ready\nresult = os.getpid()")
    numbers = set()
    for _ in range(2):
        fresh.result(f"import {name}\n{seed}")
        numbers.add(fresh.result(f"import {name}\nresult = {number}"))
    assert len(numbers) == 2
    assert fresh.result("import os\nresult = os.getpid()") == pid


def test_new_process_that_stops_before_the_supervisor_goes_on_is_kept(
    fresh: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    send = Run._send

    def send_and_wait(run: Run) -> None:
        send(run)
        if not run._loading:
            status = Path(f"/proc/{run._worker.pid}/status")
            wait_until(lambda: "State:\tT" in status.read_text(), "the process has stopped")

    monkeypatch.setattr(Run, "_send", send_and_wait)
    assert fresh.pid() == fresh.pid()


def test_state_from_loading_may_stay(fresh: Harness) -> None:
    loading = (
        "import json, os, sys, threading, time\n"
        "os.environ['MODEL'] = 'loaded'\nos.umask(0o077)\nsys.path.append('/models')\njson.loads = print\n"
        "threading.Thread(target=time.sleep, args=(600,), daemon=True).start()\n" + NATIVE_THREAD
    )
    pid = int(fresh.result(loading + "#ready\nresult = os.getpid()"))

    assert fresh.result("import os\nresult = os.environ['MODEL']") == "loaded"
    assert fresh.pid() == pid


def test_each_run_has_the_clean_state(harness: Harness) -> None:
    look = (
        "import locale, os, signal, sys, tempfile, threading\n"
        "result = (sorted(set(os.environ) - {'TMPDIR', 'HOME'}), locale.setlocale(locale.LC_ALL), os.umask(0o022),\n"
        "          threading.active_count(), signal.getsignal(signal.SIGUSR1), sys.path,\n"
        "          os.getcwd() == tempfile.gettempdir() == os.environ['HOME'] == os.environ['TMPDIR']\n"
        "          == str(channel.temp_dir))"
    )
    before = harness.result(look)
    for source in RETIRING.values():
        harness.result(source)
        assert harness.result(look) == before
    assert before.endswith("True)")


def test_late_output_of_an_earlier_run_does_not_reach_the_next(harness: Harness) -> None:
    """The test writes to the pipes as a hostile thread does that forges the end of its run and continues to write."""
    harness.result("print('of this run')")
    worker = harness.warm("key")
    for descriptor in (1, 2, 4):
        number = os.open(f"/proc/{worker.pid}/fd/{descriptor}", os.O_WRONLY | os.O_NONBLOCK)
        os.write(number, b"late\n" * 100)
        os.close(number)

    assert harness.result("print('of the next')\nresult = 1") == "1"
    assert harness.messages("stdout") == ["of the next"]


def test_a_worker_killed_while_idle_is_replaced_unseen(harness: Harness) -> None:
    pid = harness.pid()
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not alive(pid), "the worker is gone")

    assert harness.pid() != pid


def test_a_zygote_killed_while_idle_is_replaced_unseen(harness: Harness) -> None:
    pid, other = harness.pid(), harness.pid(key="other")
    zygote = harness.zygote
    os.kill(zygote.pid, signal.SIGKILL)
    wait_until(lambda: not alive(zygote.pid), "the zygote is gone")

    assert harness.pid() != pid
    assert harness.zygote is not zygote
    assert not alive(other)
    assert not Path(zygote.folders.root).exists()


def test_a_stopped_zygote_goes_on(harness: Harness) -> None:
    os.kill(harness.zygote.pid, signal.SIGSTOP)

    assert harness.pid(key="another")


def test_idle_worker_survives_another_sigstop(harness: Harness) -> None:
    pid = harness.pid()
    wait_until(lambda: "State:\tT" in Path(f"/proc/{pid}/status").read_text(), "the worker is stopped")
    os.kill(pid, signal.SIGSTOP)

    assert harness.pid() == pid


def test_limits_of_memory_are_those_of_the_run(harness: Harness) -> None:
    ask = "import resource\nresult = resource.getrlimit(resource.RLIMIT_DATA)[0]"
    small = int(harness.result(ask, replace(PATIENT, memory_mb=100)))
    large = int(harness.result(ask, replace(PATIENT, memory_mb=200)))

    assert large - small == 200 * 1024 * 1024
    assert harness.messages("stderr") == []
