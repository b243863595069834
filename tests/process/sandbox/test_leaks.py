"""Runs of every kind leave the supervisor as it was."""

import os
import random
import threading
from collections import Counter
from copy import replace

from interlock.sandbox import CancelToken
from interlock.sandbox.wire.processes import children
from tests.process.sandbox.harness import LOSES_ZYGOTE, PATIENT, Harness, open_descriptors
from tests.volume import volume

KINDS = {
    "completes": ("result = 1", PATIENT),
    "prints": ("print('x')", PATIENT),
    "exits": ("import os\nos._exit(1)", PATIENT),
    "raises": ("1 / 0", PATIENT),
    "retires": ("import os\nos.environ['X'] = '1'", PATIENT),
    "forks": ("import os, time\nif os.fork() == 0: time.sleep(60)", PATIENT),
    "writes": ("import os\nos.makedirs('a/b')\nopen('a/b/c', 'w').close()", PATIENT),
    "too large": ("result = 'x' * 100_000", replace(PATIENT, result_bytes=1000)),
    "too long": ("import time\ntime.sleep(60)", replace(PATIENT, wall_s=0.002)),
    "too much": (
        "kept = b'x' * 100_000_000\nimport time\ntime.sleep(60)",
        replace(PATIENT, memory_mb=50),
    ),
    "zygote is killed": (LOSES_ZYGOTE, PATIENT),
}
TURNS = volume(
    sample={kind: 64 if kind == "completes" else 4 for kind in KINDS},
    full=dict.fromkeys(KINDS, 40) | {"completes": 640, "zygote is killed": 10, "too much": 10},
)


def test_runs_of_every_kind_leave_no_descriptor_process_or_thread(fresh: Harness) -> None:
    for n in range(4):
        fresh.pid(key=str(n))  # as many workers as are kept
    before = open_descriptors(), children(os.getpid()) - {fresh.zygote.pid}, threading.active_count()
    endings: Counter[str] = Counter()
    runs = [kind for kind in KINDS for _ in range(TURNS[kind])]
    random.Random(1).shuffle(runs)
    for number, kind in enumerate(runs):
        source, limits = KINDS[kind]
        token = CancelToken()
        if number % 20 == 0:
            token.set("not needed")
        endings[
            type(fresh.run(source, limits, key=str(number % 4), cancel=token, on_log=fresh.kill_zygote)).__name__
        ] += 1
        token.close()

    assert sum(endings.values()) == len(runs) >= volume(sample=100, full=980)
    assert set(endings) == {
        "Cancelled",
        "Completed",
        "Crashed",
        "MemoryExceeded",
        "OutputTooLarge",
        "TimedOut",
        "WorkerLost",
    }
    for n in range(4):
        fresh.pid(key=str(n))
    assert before == (open_descriptors(), children(os.getpid()) - {fresh.zygote.pid}, threading.active_count())
    fresh.assert_nothing_left()


def test_opening_and_closing_sandboxes_leaks_nothing() -> None:
    before = open_descriptors(), children(os.getpid())
    for _ in range(5):
        harness = Harness.new()
        harness.pid()
        harness.sandbox.close()

    assert before == (open_descriptors(), children(os.getpid()))
