"""Count the instructions of a function with valgrind, over all of its processes.

Valgrind 3.19 knows neither seccomp nor Landlock nor pidfd_open. Under valgrind, worker processes are therefore not
confined (which takes half a millisecond without valgrind), and the supervisor works without a pidfd.
"""

import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

from bench.contestants import EVENT, Contestant, FunctionProcess
from interlock.sandbox.wire.processes import descendants

WRITTEN_WITHIN_S = 30.0
_SUMMARY = re.compile(r"^summary: (\d+)", re.MULTILINE)


def available() -> bool:
    """Return whether valgrind is installed."""
    return shutil.which("valgrind") is not None


@contextmanager
def counting() -> Iterator[tuple[list[str], Path]]:
    """Yield the prefix of a command that counts, and the folder of its counts, one file for each process."""
    with tempfile.TemporaryDirectory() as name:
        command = ["valgrind", "--tool=cachegrind", "--cache-sim=no", "--trace-children=yes", "--quiet"]
        yield [*command, "--log-file=/dev/null", f"--cachegrind-out-file={name}/%p"], Path(name)


def total(folder: Path, forked_from: Mapping[int, int] = MappingProxyType({})) -> int:
    """Return the instructions of all processes that have ended. `forked_from` maps forked processes to their parents:
    valgrind counts the instructions before the fork in both, so the parent's count is subtracted. The instructions of
    a parent after the fork are lost."""
    counts = {int(file.name): int(found[1]) for file in folder.iterdir() if (found := _SUMMARY.search(_text(file)))}
    return sum(counts.values()) - sum(counts[parent] for parent in forked_from.values())


def of_calls(contestant: Contestant, event: Path = EVENT, *, children: int = 0) -> int:
    """Return the instructions from the start of a function to its first response. Raise RuntimeError unless it then has
    `children` other processes: a process that was replaced would not be counted."""
    with counting() as (prefix, folder):
        ours = contestant.with_variables(BENCH_VALGRIND="1", PYTHONHASHSEED="0")
        with FunctionProcess(ours, event, prefix=prefix) as function:
            processes = list(descendants(function.process.pid))
            if len(processes) != children:
                raise RuntimeError(f"{contestant.name} has {len(processes)} other processes, and not {children}")
            forked_from = {pid: parent for pid in processes if (parent := _forked_from(pid))}
            _end(reversed(processes), folder)
        return total(folder, forked_from)


def of_command(command: Sequence[str], variables: Mapping[str, str]) -> int:
    """Return the instructions of a command's own process."""
    with counting() as (prefix, folder):
        environment = {**variables, "PYTHONHASHSEED": "0"}
        process = subprocess.Popen([*prefix, *command], env=environment, stdout=subprocess.DEVNULL)
        if status := process.wait():
            raise RuntimeError(f"{command} ended with {status}")
        found = _SUMMARY.search(_text(folder / str(process.pid)))
        if found is None:
            raise RuntimeError(f"valgrind has no counts of {command}")
        return int(found[1])


def _end(processes: Iterable[int], folder: Path) -> None:
    """End the zygote and its worker processes with a signal on which valgrind writes its counts, unlike SIGKILL."""
    for process in processes:
        os.kill(process, signal.SIGUSR2)
        os.kill(process, signal.SIGCONT)
        until = time.monotonic() + WRITTEN_WITHIN_S
        while not _SUMMARY.search(_text(folder / str(process))):
            if time.monotonic() > until:
                raise TimeoutError(f"no counts of process {process}")
            time.sleep(0.01)


def _text(file: Path) -> str:
    return file.read_text() if file.exists() else ""


def _forked_from(pid: int) -> int | None:
    """Return the parent of a process if both run the same command, and so the process was forked."""
    parent = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    same = Path(f"/proc/{pid}/cmdline").read_bytes() == Path(f"/proc/{parent}/cmdline").read_bytes()
    return parent if same else None
