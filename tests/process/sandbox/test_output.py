"""Output of code as bounded lines: first of the class alone, then through a worker process."""

import os
from collections.abc import Iterator
from copy import replace
from pathlib import Path

import pytest

from interlock.sandbox import Cancelled, CancelToken, Completed, LogLine, MemoryExceeded
from interlock.sandbox.supervisor.output import MAX_LINE_BYTES, NEWEST_LINES, READ_BYTES, OutputLines, discard
from tests.process.sandbox.harness import PATIENT, Harness


class Pipes:
    """Two pipes and the lines read from them."""

    def __init__(self) -> None:
        (self.stdout, self.to_stdout), (self.stderr, self.to_stderr) = os.pipe(), os.pipe()
        for descriptor in (self.stdout, self.stderr):
            os.set_blocking(descriptor, False)
        self.lines: list[LogLine] = []
        self.output = OutputLines(self.lines.append)

    def write(self, data: bytes) -> None:
        """Write to stdout, then read the lines."""
        for at in range(0, len(data), READ_BYTES):
            os.write(self.to_stdout, data[at : at + READ_BYTES])
            assert self.output.read(self.stdout, "stdout")

    def finish(self) -> list[str]:
        self.output.finish(self.stdout, self.stderr)
        return [line.message for line in self.lines]

    def close(self) -> None:
        for descriptor in (self.stdout, self.to_stdout, self.stderr, self.to_stderr):
            os.close(descriptor)


@pytest.fixture
def pipes() -> Iterator[Pipes]:
    pipes = Pipes()
    yield pipes
    pipes.close()


def test_lines_are_put_together_from_parts(pipes: Pipes) -> None:
    for part in (b"on", b"e\ntw", b"o\n\nfo", b"ur"):
        pipes.write(part)

    assert pipes.finish() == ["one", "two", "", "four"]


def test_streams_are_kept_apart(pipes: Pipes) -> None:
    os.write(pipes.to_stderr, b"error\n")
    os.write(pipes.to_stdout, b"output")
    pipes.finish()

    assert pipes.lines == [LogLine("stderr", "error"), LogLine("stdout", "output")]


def test_undecodable_output_is_shown_escaped(pipes: Pipes) -> None:
    pipes.write(b"\xff\0a\n")

    assert pipes.finish() == ["\ufffd\0a"]


def test_a_long_line_is_cut(pipes: Pipes) -> None:
    pipes.write(b"x" * (MAX_LINE_BYTES + 5) + b"\nnext\n")

    assert pipes.finish() == ["x" * MAX_LINE_BYTES, "next"]


def test_flood_keeps_the_last_lines_of_a_read_and_counts_the_others(pipes: Pipes) -> None:
    pipes.write(b"".join(b"%d\n" % number for number in range(10_000)))

    dropped, *lines = pipes.lines
    assert dropped == LogLine("stdout", "9700 lines were dropped", dropped=10_000 - NEWEST_LINES)
    assert [line.message for line in lines] == [str(number) for number in range(9_700, 10_000)]


def test_no_line_is_dropped_if_lines_are_read_in_time(pipes: Pipes) -> None:
    for number in range(10):
        pipes.write(f"{number}\n".encode() * NEWEST_LINES)

    assert pipes.finish() == [str(number) for number in range(10) for _ in range(NEWEST_LINES)]


def test_whole_lines_are_handed_on(pipes: Pipes) -> None:
    line = LogLine("log", "first", "info")
    pipes.output.add(line)

    assert pipes.lines == [line]


def test_a_flood_without_lines_is_not_kept(pipes: Pipes) -> None:
    for _ in range(100):
        pipes.write(b"x" * READ_BYTES)

    assert sum(map(len, pipes.output._begun.values())) <= MAX_LINE_BYTES


def test_the_end_of_a_stream_is_reported(pipes: Pipes) -> None:
    reading, writing = os.pipe()
    os.close(writing)

    assert not pipes.output.read(reading, "stdout")
    os.close(reading)


def test_empty_pipe_is_not_the_end_of_a_stream(pipes: Pipes) -> None:
    assert pipes.output.read(pipes.stdout, "stdout")


def test_buffered_pipe_content_can_be_discarded(pipes: Pipes) -> None:
    os.write(pipes.to_stdout, b"of an earlier run")
    discard(pipes.stdout, pipes.stderr)

    assert pipes.finish() == []


# --- Through a worker ---


def test_lines_of_both_streams_and_the_log_arrive(harness: Harness) -> None:
    harness.result("import sys\nprint('out')\nprint('err', file=sys.stderr)\nchannel.log('warning', 'logged')")

    assert set(harness.logs) == {
        LogLine("stdout", "out"),
        LogLine("stderr", "err"),
        LogLine("log", "logged", "warning"),
    }


def test_unflushed_output_arrives(harness: Harness) -> None:
    harness.result("import sys\nsys.stdout.write('without an end')")

    assert harness.logs == [LogLine("stdout", "without an end")]


def test_the_traceback_of_a_crash_is_in_the_lines(harness: Harness) -> None:
    harness.run("1 / 0")

    assert harness.messages("stderr")[-1] == "ZeroDivisionError: division by zero"


def test_output_of_children_arrives(harness: Harness) -> None:
    harness.result("import subprocess\nsubprocess.run(['echo', 'child'], check=True)")

    assert harness.messages("stdout") == ["child"]


def test_a_flood_is_counted_to_the_line(harness: Harness) -> None:
    harness.result("print('line\\n' * 100_000, end='')")

    lines = sum(not line.dropped for line in harness.logs)
    assert lines >= NEWEST_LINES
    assert lines + sum(line.dropped for line in harness.logs) == 100_000


def test_flood_of_progress_is_thinned_and_keeps_the_last(harness: Harness) -> None:
    harness.result("for n in range(10_001): channel.progress(n / 10_000, str(n))")

    assert harness.progress[-1] == (1, "10000")
    assert len(harness.progress) < 1000


def test_the_latest_progress_is_reported_while_the_code_is_silent(harness: Harness) -> None:
    token = CancelToken()

    ending = harness.run(
        "import time\nfor n in range(1_001): channel.progress(n / 1_000, str(n))\ntime.sleep(60)",
        cancel=token,
        on_progress=lambda fraction, _: token.set("seen") if fraction == 1 else None,
    )

    token.close()
    assert ending == Cancelled(pid=ending.pid, how="stopped")


def test_equal_progress_reported_twice_arrives_twice(harness: Harness, tmp_path: Path) -> None:
    heard = tmp_path / "heard"

    def hear(fraction: float, message: str) -> None:
        harness.progress.append((fraction, message))
        heard.touch()

    ending = harness.run(
        "import os, time\nchannel.progress(0.5, 'on')\n"
        f"while not os.path.exists({str(heard)!r}): time.sleep(0.01)\n"
        "channel.progress(0.5, 'on')",
        on_progress=hear,
    )

    assert isinstance(ending, Completed)
    assert harness.progress == [(0.5, "on")] * 2


def test_progress_arrives_on_a_host_without_memfd(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> int:
        raise PermissionError

    monkeypatch.setattr(os, "memfd_create", refused)
    harness = Harness.new()
    harness.result("channel.progress(0.5, 'on')")
    assert harness.progress == [(0.5, "on")]
    harness.sandbox.close()


def test_progress_of_an_earlier_run_of_the_process_is_ignored(harness: Harness) -> None:
    pid = harness.result("import os\nchannel.progress(0.5, 'on')\nresult = os.getpid()")
    assert harness.progress == [(0.5, "on")]
    assert harness.result("import os\nresult = os.getpid()") == pid
    assert harness.progress == []


def test_garbage_in_the_place_of_progress_is_passed_over_and_bounded(harness: Harness) -> None:
    refused = harness.result(
        "import os\n"
        "os.write(5, os.urandom(4096))\n"
        "for size in (lambda: os.write(5, b'x'), lambda: os.ftruncate(5, 1 << 30), lambda: os.ftruncate(5, 0)):\n"
        "    try: size()\n"
        "    except OSError as error: result += type(error).__name__ + ' '\n"
        "channel.progress(1, 'after it')"
    )
    assert refused == "PermissionError " * 3
    assert harness.progress == [(1, "after it")]


def test_finalizer_may_log_while_its_thread_sends(harness: Harness) -> None:
    """Frames of the finalizer must not get between the parts of the answer."""
    result = harness.result(
        "import gc\n"
        "class Talks:\n"
        "    def __init__(self): self.me = self\n"
        "    def __del__(self): channel.log('info', 'gone')\n"
        "gc.set_threshold(1)\n"
        "talk = []\n"
        "def again(*_):\n"
        "    if len(talk) < 99: talk.append(1); channel.log('info', 'again')\n"
        "gc.callbacks.append(again)\n"
        "for n in range(200): Talks(); channel.log('info', str(n))\n"
        "talk.clear()\n"
        "result = 'y' * 900_000"
    )
    assert result == "y" * 900_000
    assert {"gone", "again", "199"} <= {line.message for line in harness.logs}


def test_fractions_are_kept_between_0_and_1(harness: Harness) -> None:
    harness.result("channel.progress(7, 'over')")
    assert harness.progress == [(1, "over")]

    harness.result("channel.progress(-7, 'under')")
    assert harness.progress == [(0, "under")]


def test_threads_that_go_on_talking_do_not_spoil_the_answer(harness: Harness) -> None:
    for _ in range(5):
        result = harness.result(
            "import threading\nfrom interlock.sandbox.wire.protocol import FrameType\n"
            "def talk():\n    while True: channel._send(FrameType.LOG, b'info\\0' + b'x' * 1000)\n"
            "for _ in range(3): threading.Thread(target=talk, daemon=True).start()\nresult = 'y' * 900_000"
        )
        assert result == "y" * 900_000


FLOOD = """
import os, threading
def flood(number, data):
    while True: os.write(number, data)
for number in (1, 2, 4):
    threading.Thread(target=flood, args=(number, os.urandom(50_000)), daemon=True).start()
"""


def test_a_flood_on_everything_does_not_hide_a_cancel(harness: Harness) -> None:
    token = CancelToken()

    ending = harness.run(
        FLOOD + "channel.progress(1, '')\nwhile True: pass", cancel=token, on_progress=lambda *_: token.set("enough")
    )

    token.close()
    assert ending == Cancelled(pid=ending.pid, how="stopped")


def test_a_flood_on_everything_does_not_hide_memory(harness: Harness) -> None:
    ending = harness.run(
        FLOOD + "kept = []\nwhile True: kept.append(bytearray(1_000_000))", replace(PATIENT, memory_mb=200)
    )

    assert isinstance(ending, MemoryExceeded)


def test_output_flood_of_a_retired_process_is_not_awaited(harness: Harness) -> None:
    """The answer is found between the garbage, and reading the rest ends although another process still writes."""
    assert harness.result(FLOOD + "result = 'out'") == "out"
