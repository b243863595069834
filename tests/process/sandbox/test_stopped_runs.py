"""Runs that are cancelled or time out, and the precedence of two endings at the same time."""

import threading
from copy import replace
from typing import Any

from interlock.sandbox import (
    Cancelled,
    CancelToken,
    Completed,
    Ending,
    TimedOut,
)
from tests.process.sandbox.harness import KILLED, PATIENT, SLEEP, STOPPED, Harness, alive

STUBBORN = """
import time
while True:
    try:
        channel.progress(0.5, 'on')
        time.sleep(60)
    except BaseException:
        pass
"""


def cancel_on_progress(harness: Harness, source: str, **limits: Any) -> Ending:
    """Cancel a run when it reports progress, and return its ending."""
    token = CancelToken()
    try:
        return harness.run(
            source, replace(PATIENT, **limits), cancel=token, on_progress=lambda *_: token.set("not needed")
        )
    finally:
        token.close()


def test_cancel_stops_a_run(harness: Harness) -> None:
    ending = cancel_on_progress(harness, SLEEP)

    assert isinstance(ending, Cancelled)
    assert ending.how == "stopped"
    assert not alive(ending.pid)


def test_cancel_kills_a_run_that_does_not_stop(harness: Harness) -> None:
    ending = cancel_on_progress(harness, STUBBORN, grace_s=0.1)

    assert isinstance(ending, Cancelled)
    assert ending.how == "killed"
    assert not alive(ending.pid)


def test_cancel_stops_a_run_while_its_code_loads(fresh: Harness) -> None:
    token = CancelToken()
    timer = threading.Timer(0.3, token.set, ["not needed"])
    timer.start()

    ending = fresh.run("import time\ntime.sleep(60)\n#ready\n", cancel=token)

    timer.join()
    token.close()
    assert ending == Cancelled(pid=ending.pid, how="stopped")


def test_run_cancelled_before_its_start_is_not_started(harness: Harness) -> None:
    pid = harness.pid()
    token = CancelToken()
    token.set("not needed")

    ending = harness.run("result = 1", cancel=token)

    token.close()
    assert ending == Cancelled(pid=0, how="stopped")
    assert harness.pid() == pid


def test_the_exception_of_a_stop_is_raised_where_the_code_is(harness: Harness) -> None:
    source = """
import time
try:
    channel.progress(0.5, 'on')
    time.sleep(60)
except Stop:
    print('cleaned up', channel.cancelled)
    raise
"""

    ending = cancel_on_progress(harness, source)

    assert ending == Cancelled(pid=ending.pid, how="stopped")
    assert harness.messages("stdout") == ["cleaned up True"]


def test_a_result_that_was_there_before_the_cancel_counts(harness: Harness) -> None:
    """The cancel is requested by the last progress report, which is sent together with the answer."""
    token = CancelToken()
    told: list[float] = []

    def cancel(fraction: float, _message: str) -> None:
        told.append(fraction)
        if fraction == 1:
            token.set("too late")

    ending = harness.run(
        "channel.progress(0.1, '')\nchannel.progress(1, '')\nresult = 'done'", cancel=token, on_progress=cancel
    )

    token.close()
    assert told[-1] == 1
    assert ending == Completed(pid=ending.pid, payload=b"done")


def test_code_that_does_not_heed_a_cancel_and_completes_has_completed(harness: Harness) -> None:
    source = """
import time
try:
    channel.progress(0.5, 'on')
    time.sleep(60)
except Stop:
    result = 'done'
"""

    ending = cancel_on_progress(harness, source)

    assert ending == Completed(pid=ending.pid, payload=b"done")
    assert not alive(ending.pid), "its state after the stop is unknown: the process is not used again"


def test_cancelled_run_does_not_time_out(harness: Harness) -> None:
    """The wall-clock limit is reached during the grace."""
    source = """
import time
until = time.monotonic() + 1.2
try:
    channel.progress(0.5, 'on')
    time.sleep(60)
finally:
    time.sleep(until - time.monotonic())
"""

    ending = cancel_on_progress(harness, source, wall_s=1)

    assert ending == Cancelled(pid=ending.pid, how="stopped")


def test_answer_and_cancel_in_the_grace_do_not_change_a_timeout(harness: Harness) -> None:
    source = """
import time
try:
    time.sleep(60)
except Stop:
    channel.progress(1, 'on')
result = 'late'
"""

    ending = cancel_on_progress(harness, source, wall_s=0.2)

    assert ending == TimedOut(pid=ending.pid, how="stopped", while_loading=False)


def test_loading_does_not_count_as_running(fresh: Harness) -> None:
    ending = fresh.run("import time\ntime.sleep(0.6)\n#ready\nresult = 1", replace(PATIENT, wall_s=0.5))

    assert ending == Completed(pid=ending.pid, payload=b"1")


def test_a_run_does_not_count_as_loading(fresh: Harness) -> None:
    """The import of the target itself, and the zygote's start, count as loading."""
    fresh.pid()
    ending = fresh.run("import time\ntime.sleep(0.3)\nresult = 1", replace(PATIENT, load_s=0.2))

    assert ending == Completed(pid=ending.pid, payload=b"1")


def test_the_deadline_of_the_channel_is_that_of_the_run(harness: Harness) -> None:
    left = harness.result("import time\nresult = channel.deadline - time.time()", replace(PATIENT, wall_s=100))

    assert 50 < float(left) <= 100


def test_a_worker_that_never_reads_its_request_times_out(harness: Harness) -> None:
    """The code forges its answer and stops as an idle worker does. It does not read the next request, which is larger
    than a pipe."""
    forged = """
import os
os.write(4, channel._token + bytes([3, 0]) + bytes(8))
while True:
    try:
        os.kill(os.getpid(), 19)
        while True: pass
    except BaseException:
        pass
"""
    assert harness.run(forged) == Completed(pid=harness.warm("key").pid, payload=b"")

    ending = harness.run(" " * 5_000_000, KILLED)

    assert ending == TimedOut(pid=ending.pid, how="killed", while_loading=False)


def test_a_stop_right_after_the_last_answer_is_that_of_the_next_run(harness: Harness) -> None:
    """The stop arrives before the worker process waits for its next request. If it were lost, the run would last the
    whole grace."""
    for _ in range(30):
        harness.pid()

        ending = harness.run("import time\ntime.sleep(60)", replace(PATIENT, wall_s=0))

        assert ending == TimedOut(pid=ending.pid, how="stopped", while_loading=False)


def test_the_wall_clock_limit_stops_a_run(harness: Harness) -> None:
    ending = harness.run(SLEEP, STOPPED)

    assert ending == TimedOut(pid=ending.pid, how="stopped", while_loading=False)
    assert not alive(ending.pid)
