"""A pool gives every request its own environment, grows with the load and keeps no broken one."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from interlock_dev.lambda_.environments import Invocation
from interlock_dev.lambda_.pool import MAX_REQUEST_BYTES, Pool, RequestTooLarge, Throttled
from tests.pure.devkit.fakes import Fleet

LIMIT = 3


@pytest.fixture
def fleet() -> Fleet:
    return Fleet()


@pytest.fixture
def pool(fleet: Fleet) -> Iterator[Pool]:
    with ThreadPoolExecutor(2) as starter:
        pool = Pool(fleet.create, starter, limit=LIMIT)
        yield pool
        pool.close()


@pytest.fixture
def requests() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as requests:
        yield requests


def eventually(condition: Callable[[], bool], within_s: float = 5) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def held(pool: Pool, requests: ThreadPoolExecutor) -> Future[Invocation]:
    return requests.submit(pool.invoke, b'{"hold": true}')


def all_are_busy(fleet: Fleet, count: int) -> None:
    eventually(lambda: [environment.busy.is_set() for environment in fleet.made] == [True] * count)


def test_one_environment_serves_requests_that_follow_each_other(pool: Pool, fleet: Fleet) -> None:
    assert [pool.invoke(b"{}").payload for _ in range(5)] == [b"0"] * 5
    assert len(fleet.made) == 1


def test_an_environment_is_never_given_to_two_requests(pool: Pool, fleet: Fleet, requests: ThreadPoolExecutor) -> None:
    futures = [held(pool, requests) for _ in range(LIMIT)]
    all_are_busy(fleet, LIMIT)
    for environment in fleet.made:
        environment.release.set()
    assert {future.result(5).payload for future in futures} == {b"0", b"1", b"2"}


def test_it_grows_to_its_limit_and_the_rest_waits_its_turn(
    pool: Pool, fleet: Fleet, requests: ThreadPoolExecutor
) -> None:
    futures = [held(pool, requests) for _ in range(LIMIT + 2)]
    eventually(lambda: len(fleet.made) == LIMIT)
    time.sleep(0.5)
    assert len(fleet.made) == LIMIT
    for environment in fleet.made:
        environment.release.set()
    assert all(future.result(5).error is None for future in futures)


def test_an_abandoned_start_is_not_made(fleet: Fleet, requests: ThreadPoolExecutor) -> None:
    with ThreadPoolExecutor(1) as starter:
        pool = Pool(fleet.create, starter, limit=LIMIT)
        busy = held(pool, requests)
        eventually(lambda: bool(fleet.made) and fleet.made[0].busy.is_set())
        others_start = threading.Event()
        starter.submit(others_start.wait, 10)
        waiting = requests.submit(pool.invoke, b"{}")
        eventually(lambda: len(fleet.made) == 2)
        fleet.made[0].release.set()
        assert (busy.result(5).payload, waiting.result(5).payload) == (b"0", b"0")
        others_start.set()
        starter.submit(lambda: None).result(5)
        assert [environment.started for environment in fleet.made] == [True, False]
        pool.close()


def test_the_environment_used_last_is_used_next(pool: Pool, fleet: Fleet, requests: ThreadPoolExecutor) -> None:
    futures = [held(pool, requests), held(pool, requests)]
    all_are_busy(fleet, 2)
    fleet.made[1].release.set()
    eventually(lambda: any(future.done() for future in futures))
    fleet.made[0].release.set()
    eventually(lambda: all(future.done() for future in futures))
    assert pool.invoke(b"{}").payload == b"0"


def test_one_that_broke_is_closed_and_replaced(pool: Pool, fleet: Fleet) -> None:
    broken = pool.invoke(b'{"crash": true}')
    assert (broken.error, json.loads(broken.payload)["errorType"]) == ("Unhandled", "Runtime.ExitError")
    assert fleet.made[0].closed
    eventually(lambda: len(fleet.made) == 2)
    assert pool.invoke(b"{}").payload == b"1"


def test_a_start_that_fails_is_the_answer_and_the_next_request_tries_again(pool: Pool, fleet: Fleet) -> None:
    fleet.starts_fail = True
    failed = pool.invoke(b"{}")
    assert (failed.error, failed.error_message) == ("Unhandled", "No module named 'nothing'")
    assert fleet.made[0].closed
    fleet.starts_fail = False
    assert pool.invoke(b"{}").error is None


def test_a_start_ahead_of_requests_reports_its_failure(pool: Pool, fleet: Fleet) -> None:
    assert pool.warm().result(5) is None
    fleet.starts_fail = True
    failed = pool.warm().result(5)
    assert str(failed) == "No module named 'nothing'"
    assert fleet.made[1].closed


def test_every_request_gets_an_answer_when_no_start_succeeds(
    pool: Pool, fleet: Fleet, requests: ThreadPoolExecutor
) -> None:
    fleet.starts_fail = True
    answers = list(requests.map(lambda _: pool.invoke(b"{}"), range(6), timeout=10))
    assert all(answer.error for answer in answers)


def test_a_request_waits_no_longer_than_it_may(pool: Pool, fleet: Fleet, requests: ThreadPoolExecutor) -> None:
    for _ in range(LIMIT):
        held(pool, requests)
    all_are_busy(fleet, LIMIT)
    with pytest.raises(Throttled):
        pool.invoke(b"{}", wait_s=0.05)
    for environment in fleet.made:
        environment.release.set()
    assert pool.invoke(b"{}", wait_s=5).error is None


def test_an_event_over_lambdas_limit_is_refused_before_anything_is_started(pool: Pool, fleet: Fleet) -> None:
    with pytest.raises(RequestTooLarge, match="6291456 bytes"):
        pool.invoke(b" " * (MAX_REQUEST_BYTES + 1))
    assert not fleet.made


def test_recycling_replaces_idle_ones_now_and_busy_ones_when_they_are_done(
    pool: Pool, fleet: Fleet, requests: ThreadPoolExecutor
) -> None:
    busy = held(pool, requests)
    eventually(lambda: bool(fleet.made) and fleet.made[0].busy.is_set())
    pool.recycle()
    assert not fleet.made[0].closed
    fleet.made[0].release.set()
    assert busy.result(5).payload == b"0"
    eventually(lambda: fleet.made[0].closed)
    assert pool.invoke(b"{}").payload == b"1"


def test_closing_ends_every_environment_and_every_wait(fleet: Fleet, requests: ThreadPoolExecutor) -> None:
    with ThreadPoolExecutor(2) as starter:
        pool = Pool(fleet.create, starter, limit=1)
        busy, waiting = held(pool, requests), held(pool, requests)
        eventually(lambda: len(fleet.made) == 1)
        pool.close()
        assert busy.exception(5) is None or isinstance(busy.exception(5), Throttled)
        assert waiting.exception(5) is None or isinstance(waiting.exception(5), Throttled)
        assert all(environment.closed for environment in fleet.made)
        with pytest.raises(Throttled):
            pool.invoke(b"{}")
