"""`interlock dev` starts, reports that it is ready, and leaves nothing behind however it ends."""

import json
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from interlock.sandbox.wire.processes import descendants
from interlock_dev.stack.client import Client, local_stack
from tests.stack.stacks import link_project
from tests.stack.test_cancel import gone
from tests.volume import volume

COMMAND = [sys.executable, "-m", "interlock_dev.commands.cli", "dev"]

SLOW = """
import time
from pydantic import BaseModel
from interlock.plugin import Plugin, ToolContext, tool

class Nothing(BaseModel):
    pass

class Slow(Plugin):
    name, version = "slow", "1.0.0"

    @tool(timeout_s=20)
    def sleep(self, input: Nothing, context: ToolContext) -> Nothing:
        time.sleep(15)
        return Nothing()

    @tool(timeout_s=20)
    def answer(self, input: Nothing, context: ToolContext) -> Nothing:
        return Nothing()
"""

STARTER = """
import sys, time
from pathlib import Path
from interlock_dev.stack.client import local_stack

with local_stack(Path(sys.argv[1]), Path(sys.argv[1], "stack.log")):
    print("ready", flush=True)
    time.sleep(600)
"""


MISTAKES = """
import json, sys
from interlock_dev.commands.cli import main

print([int(main(["dev", "--port", "0", *arguments])) for arguments in json.loads(sys.argv[1])])
"""


@pytest.fixture
def small_project(probe_project: Path, tmp_path: Path) -> Path:
    """A project of two functions without plugins: starting it takes a third of the CPU time of the real one."""
    project = tmp_path / "project"
    shutil.copytree(probe_project, project, ignore=shutil.ignore_patterns(".interlock", "stack.log"))
    return project


def test_processes_of_the_same_user_cannot_read_the_stacks_memory(small_project: Path) -> None:
    without_ptrace = str(Path(__file__).with_name("without_ptrace.py"))
    program = (without_ptrace, "-m", "interlock_dev.commands.cli")
    with local_stack(small_project, small_project / "stack.log", program=program) as (_, stack):
        look = f"open('/proc/{stack.pid}/environ').read()"
        looked = subprocess.run(
            [sys.executable, without_ptrace, "-c", look], capture_output=True, text=True, timeout=60, check=False
        )
    assert "PermissionError" in looked.stderr


def test_mistake_in_an_argument_is_one_line(real_project: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty.py"
    empty.write_text("x = 1\n")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        expected = [
            (["--port", port], f"port {port} cannot be used"),
            (["--plugin", "nothing.py"], "--plugin nothing.py: there is no such file or folder"),
            (["--plugin", str(empty)], f"{empty}: holds no class derived from interlock.plugin.Plugin"),
            (["--parameter", "RetentionDays=0"], "--parameter RetentionDays=0: must be at least 1"),
        ]
        # Run all of them in one process, because its imports take a second.
        command = [sys.executable, "-c", MISTAKES, json.dumps([arguments for arguments, _ in expected])]
        ended = subprocess.run(command, cwd=real_project, capture_output=True, text=True, timeout=120, check=True)
    assert json.loads(ended.stdout) == [2] * len(expected)
    lines = ended.stderr.splitlines()
    for line, (_, message) in zip(lines, expected, strict=True):
        assert line.startswith("interlock: ")
        assert message in line


@pytest.mark.parametrize(
    ("module", "told"),
    [("import nothing_of_that_name", "No module named 'nothing_of_that_name'"), ("exit(3)", "its log is above")],
)
def test_stack_is_not_ready_when_a_function_cannot_be_started(small_project: Path, module: str, told: str) -> None:
    (small_project / "functions" / "authorize" / "handler.py").write_text(f"{module}\n")
    ended = subprocess.run(
        [*COMMAND, "--port", "0"], cwd=small_project, capture_output=True, text=True, timeout=60, check=False
    )
    assert (ended.returncode, ended.stdout) == (2, "")
    last = ended.stderr.splitlines()[-1]
    assert last.startswith("interlock: AuthorizeFunction cannot be started: ")
    assert last.endswith(told)
    assert not list(small_project.glob(".interlock/dev-*.json"))


@contextmanager
def busy_stack(project: Path, plugin: Path) -> Iterator[tuple[subprocess.Popen[str], set[int]]]:
    """A stack with a running tool, and all its processes."""
    with local_stack(project, project / "stack.log", "--plugin", str(plugin)) as (client, process):
        job = client.submit("slow", "sleep", {})
        client.until(job, lambda found: found["status"] == "running")
        client.execute("slow", "answer", {})
        yield process, set(descendants(process.pid))


def until_gone(pids: set[int]) -> None:
    deadline = time.monotonic() + 30
    while left := [pid for pid in pids if not gone(pid)]:
        assert time.monotonic() < deadline, [Path(f"/proc/{pid}/cmdline").read_bytes() for pid in left]
        time.sleep(0.01)


# A sample leaves out SIGTERM, because it ends all other stacks of the tests, one of them while it starts.
@pytest.mark.parametrize(
    "number", [signal.SIGINT, signal.SIGKILL, *volume(sample=[], full=[signal.SIGTERM])], ids=lambda number: number.name
)
def test_ended_stack_leaves_no_process(tmp_path: Path, number: signal.Signals) -> None:
    (tmp_path / "slow.py").write_text(SLOW)
    project = link_project(tmp_path)
    with busy_stack(project, tmp_path / "slow.py") as (process, pids):
        # Two environments at work, each with emulator, runtime, zygote and worker; and the others.
        assert len(pids) > 10
        process.send_signal(number)
        status = process.wait(20)
        until_gone(pids)
    assert status == (-signal.SIGKILL if number == signal.SIGKILL else 0)
    assert bool(list(project.glob(".interlock/dev-*.json"))) == (number == signal.SIGKILL)


def test_stack_started_for_a_process_ends_with_it(small_project: Path) -> None:
    """The demo, the benchmark and the tests leave no process running even when they are killed."""
    command = [sys.executable, "-c", STARTER, str(small_project)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as starter:
        assert starter.stdout
        assert starter.stdout.readline() == "ready\n"
        pids = set(descendants(starter.pid))
        assert len(pids) > 4
        starter.kill()
    until_gone(pids)


def test_dev_prints_only_ready_on_standard_output(small_project: Path) -> None:
    process = subprocess.Popen(
        [*COMMAND, "--port", "0"], cwd=small_project, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdout
    line = process.stdout.readline()
    client = Client(line.split()[1], "dev-key")
    assert client.call("GET", "/probe/pid").status == 200
    process.send_signal(signal.SIGINT)
    assert (process.wait(20), process.stdout.read()) == (0, "")
    assert line == f"ready {client.url}\n"


def test_stack_ended_while_starting_leaves_no_process(small_project: Path) -> None:
    process = subprocess.Popen(
        [*COMMAND, "--port", "0"], cwd=small_project, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 30
    while len(pids := set(descendants(process.pid))) < 4:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0
    assert not [pid for pid in pids if not gone(pid)]
    assert not list(small_project.glob(".interlock/dev-*.json"))
