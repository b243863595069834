"""Completed, failed and lost runs, and the life of the worker process after them."""

import os
from copy import replace

import pytest

from interlock.sandbox import (
    Completed,
    Crashed,
    OutputTooLarge,
    Sandbox,
    WorkerLost,
)
from tests.process.sandbox.harness import PATIENT, SLEEP, Harness, alive, wait_until


def test_run_completes_with_the_payload(harness: Harness) -> None:
    pid = harness.pid()

    assert harness.run("result = 'héllo'") == Completed(pid=pid, payload="héllo".encode())


def test_the_worker_stays_warm(harness: Harness) -> None:
    assert harness.pid() == harness.pid()


def test_keys_have_workers_of_their_own(harness: Harness) -> None:
    assert harness.pid(key="a") != harness.pid(key="b")
    assert harness.pid(key="a") == harness.pid(key="a")


def test_the_least_recently_used_worker_goes_when_there_are_too_many(harness: Harness) -> None:
    first = harness.pid(key="0")
    for n in range(1, 4):
        harness.pid(key=str(n))
    assert harness.pid(key="0") == first
    oldest = harness.pid(key="1")
    for n in range(4, 8):
        harness.pid(key=str(n))

    assert not alive(first)
    assert harness.pid(key="1") != oldest
    assert len(harness.processes()) == 4 + 1  # the template


def test_target_that_ignores_its_channel_answers() -> None:
    harness = Harness.new(target="tests.process.sandbox.target:bare")

    ending = harness.run(b"\0raw\xff")

    harness.sandbox.close()
    assert ending == Completed(pid=ending.pid, payload=b"\0raw\xff")


@pytest.mark.parametrize("target", ["tests.process.sandbox.nowhere:serve", "tests.process.sandbox.target:nothing"])
def test_a_target_that_is_not_there_crashes_while_loading(target: str) -> None:
    harness = Harness.new(target=target)

    ending = harness.run("")

    harness.sandbox.close()
    assert ending == Crashed(pid=ending.pid, exit_code=70, signal=None, while_loading=True)


def test_a_result_as_large_as_the_limit_is_returned(harness: Harness) -> None:
    ending = harness.run("result = 'x' * 1000", replace(PATIENT, result_bytes=1000))

    assert ending == Completed(pid=ending.pid, payload=b"x" * 1000)


def test_result_one_byte_over_the_limit_is_refused(harness: Harness) -> None:
    ending = harness.run("result = 'x' * 1001", replace(PATIENT, result_bytes=1000))

    assert ending == OutputTooLarge(pid=ending.pid, size_bytes=1001)
    assert not alive(ending.pid)


@pytest.mark.parametrize("size", [0, 1, 4095, 4096, 65_536, 1 << 20, 60_000_000])
def test_payloads_of_any_size_go_both_ways(size: int) -> None:
    harness = Harness.new(target="tests.process.sandbox.target:bare")
    payload = bytes(range(256)) * (size // 256) + bytes(size % 256)

    ending = harness.run(payload, replace(PATIENT, result_bytes=size))

    harness.sandbox.close()
    assert isinstance(ending, Completed)
    assert ending.payload == payload


def test_exception_of_a_callback_ends_the_run(harness: Harness) -> None:
    def fail(*_: object) -> None:
        raise LookupError("a bug of ours")

    pid = harness.pid()
    with pytest.raises(LookupError):
        harness.run(SLEEP, on_progress=fail)
    assert not alive(pid)
    harness.assert_nothing_left()

    with pytest.raises(LookupError):
        harness.run("print('line')", on_log=fail)
    harness.assert_nothing_left()


def test_worker_process_has_lower_priority_than_its_supervisor(harness: Harness) -> None:
    def lowered() -> bool:
        niceness, autogroup = harness.result(
            "import os\nfrom pathlib import Path\ngroup = Path('/proc/self/autogroup')\n"
            "result = f'{os.nice(0)} {group.read_text().split()[-1] if group.exists() else 5}'"
        ).split()
        return (int(niceness), int(autogroup)) == (min(19, os.nice(0) + 5), 5)

    # Linux permits only a few changes of the session's priority per second; each run tries again.
    wait_until(lowered, "niceness and session priority are lowered")


def test_the_worker_is_lost_with_its_zygote(harness: Harness) -> None:
    ending = harness.run(SLEEP, on_progress=lambda *_: harness.zygote._process.kill())

    assert isinstance(ending, WorkerLost)
    assert not alive(ending.pid)


def test_closed_sandbox_starts_anew(fresh: Harness) -> None:
    fresh.pid()
    before = fresh.zygote.pid
    folder = fresh.zygote.folders.root
    fresh.sandbox.close()
    fresh.sandbox.close()

    assert not alive(before)
    assert fresh.pid()
    assert fresh.zygote.pid != before
    assert fresh.zygote.folders.root != folder


def test_closing_a_sandbox_that_never_started_does_nothing() -> None:
    Sandbox("nowhere:nothing").close()
