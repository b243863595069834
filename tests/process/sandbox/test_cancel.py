"""The cancellation token, and 200 cancels at random moments."""

import random
import threading
import time

import pytest

from interlock.sandbox import Cancelled, CancelToken, Completed
from tests.process.sandbox.harness import Harness, alive
from tests.volume import volume


def test_token_is_readable_once_it_is_set() -> None:
    token = CancelToken()
    assert not token.is_set

    token.set("first")
    token.set("second")

    assert token.is_set
    assert token.reason == "first"
    token.close()


def test_set_after_close_does_nothing() -> None:
    token = CancelToken()
    token.close()
    token.close()

    token.set("too late")

    assert not token.is_set


def test_concurrent_cancels_keep_one_reason_and_none_fails() -> None:
    for _ in range(50):
        token = CancelToken()
        start = threading.Barrier(9)
        failures: list[BaseException] = []

        threads = [threading.Thread(target=_ask, args=(number, token, start, failures)) for number in range(8)]
        for thread in threads:
            thread.start()
        start.wait()
        for thread in threads:
            thread.join()
        assert not failures
        assert token.reason in (None, *"01235678")


def _ask(number: int, token: CancelToken, start: threading.Barrier, failures: list[BaseException]) -> None:
    start.wait()
    try:
        token.close() if number == 4 else token.set(str(number))
    except BaseException as error:
        failures.append(error)


BUSY = "import time\nuntil = time.monotonic() + 0.008\nwhile time.monotonic() < until: pass\nresult = 'done'"


@pytest.mark.parametrize("seed", range(volume(sample=1, full=4)))
def test_a_cancel_at_any_moment_ends_consistently(harness: Harness, seed: int) -> None:
    random_moment = random.Random(seed)
    for _ in range(50):
        token = CancelToken()
        canceller = threading.Thread(target=_set_later, args=(token, random_moment.uniform(0, 0.02)))
        canceller.start()

        ending = harness.run(BUSY, cancel=token)

        gone = not alive(ending.pid)
        canceller.join()
        token.close()
        assert isinstance(ending, Cancelled | Completed)
        if isinstance(ending, Cancelled):
            assert ending.how == "stopped"
            assert gone
        else:
            assert ending.payload == b"done"
        harness.assert_nothing_left()


def _set_later(token: CancelToken, pause_s: float) -> None:
    time.sleep(pause_s)
    token.set("at some moment")
