"""A pool gives every concurrent request its own environment, grows with the load and replaces broken ones."""

import json
import math
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from interlock_dev.lambda_.environments import Invocation
from interlock_dev.lambda_.pool import MAX_REQUEST_BYTES, STALL_S, Pool, RequestTooLarge, Throttled
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


def eventually(condition: Callable[[], bool], within_s: float = 30) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def submit_held(pool: Pool, requests: ThreadPoolExecutor) -> Future[Invocation]:
    return requests.submit(pool.invoke, b'{"hold": true}')


def wait_until_busy(fleet: Fleet, count: int) -> None:
    eventually(lambda: [environment.busy.is_set() for environment in fleet.made] == [True] * count)


def wait_until_done(futures: list[Future[Invocation]], count: int) -> None:
    eventually(lambda: sum(future.done() for future in futures) == count)


def test_sequential_requests_share_an_environment(pool: Pool, fleet: Fleet) -> None:
    assert [pool.invoke(b"{}").payload for _ in range(5)] == [b"0"] * 5
    assert len(fleet.made) == 1


def test_concurrent_requests_have_separate_environments(pool: Pool, fleet: Fleet, requests: ThreadPoolExecutor) -> None:
    futures = [submit_held(pool, requests) for _ in range(LIMIT)]
    wait_until_busy(fleet, LIMIT)
    for environment in fleet.made:
        environment.release.set()
    assert {future.result(5).payload for future in futures} == {b"0", b"1", b"2"}


def test_requests_over_the_limit_wait_for_an_environment(
    pool: Pool, fleet: Fleet, requests: ThreadPoolExecutor
) -> None:
    futures = [submit_held(pool, requests) for _ in range(LIMIT + 2)]
    eventually(lambda: len(fleet.made) == LIMIT)
    time.sleep(0.5)
    assert len(fleet.made) == LIMIT
    for environment in fleet.made:
        environment.release.set()
    assert all(future.result(5).error is None for future in futures)


def test_pool_with_a_crowd_of_environments_does_not_grow_after_a_short_stall(
    pool: Pool, fleet: Fleet, requests: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("interlock_dev.lambda_.pool.CROWD", LIMIT - 1)
    monkeypatch.setattr("interlock_dev.lambda_.pool.CROWDED_STALL_S", math.inf)
    futures = [submit_held(pool, requests) for _ in range(LIMIT + 1)]
    wait_until_busy(fleet, LIMIT - 1)
    with pytest.raises(Throttled):
        pool.invoke(b"{}", wait_s=3 * STALL_S)
    assert len(fleet.made) == LIMIT - 1
    for environment in fleet.made:
        environment.release.set()
    assert all(future.result(5).error is None for future in futures)


def test_start_that_is_no_longer_needed_is_skipped(fleet: Fleet, requests: ThreadPoolExecutor) -> None:
    with ThreadPoolExecutor(1) as starter:
        pool = Pool(fleet.create, starter, limit=LIMIT)
        busy = submit_held(pool, requests)
        eventually(lambda: bool(fleet.made) and fleet.made[0].busy.is_set())
        unblock = threading.Event()
        starter.submit(unblock.wait, 10)
        waiting = requests.submit(pool.invoke, b"{}")
        eventually(lambda: len(fleet.made) == 2)
        fleet.made[0].release.set()
        assert (busy.result(5).payload, waiting.result(5).payload) == (b"0", b"0")
        unblock.set()
        starter.submit(lambda: None).result(5)
        assert [environment.started for environment in fleet.made] == [True, False]
        pool.close()


def test_most_recently_used_environment_is_reused_first(pool: Pool, fleet: Fleet, requests: ThreadPoolExecutor) -> None:
    futures = [submit_held(pool, requests), submit_held(pool, requests)]
    wait_until_busy(fleet, 2)
    fleet.made[1].release.set()
    eventually(lambda: any(future.done() for future in futures))
    fleet.made[0].release.set()
    eventually(lambda: all(future.done() for future in futures))
    assert pool.invoke(b"{}").payload == b"0"


def test_broken_environment_is_closed_and_replaced(pool: Pool, fleet: Fleet) -> None:
    broken = pool.invoke(b'{"crash": true}')
    assert (broken.error, json.loads(broken.payload)["errorType"]) == ("Unhandled", "Runtime.ExitError")
    assert fleet.made[0].closed
    eventually(lambda: len(fleet.made) == 2)
    assert pool.invoke(b"{}").payload == b"1"


def test_failed_start_is_returned_and_retried_by_the_next_request(pool: Pool, fleet: Fleet) -> None:
    fleet.starts_fail = True
    failed = pool.invoke(b"{}")
    assert (failed.error, failed.error_message) == ("Unhandled", "No module named 'nothing'")
    assert fleet.made[0].closed
    fleet.starts_fail = False
    assert pool.invoke(b"{}").error is None


def test_failed_warm_start_is_reported(pool: Pool, fleet: Fleet) -> None:
    assert pool.warm().result(5) is None
    fleet.starts_fail = True
    failed = pool.warm().result(5)
    assert str(failed) == "No module named 'nothing'"
    assert fleet.made[1].closed


def test_every_request_gets_a_response_when_all_starts_fail(
    pool: Pool, fleet: Fleet, requests: ThreadPoolExecutor
) -> None:
    fleet.starts_fail = True
    answers = list(requests.map(lambda _: pool.invoke(b"{}"), range(6), timeout=10))
    assert all(answer.error for answer in answers)


def test_waiting_request_is_throttled_after_its_limit(pool: Pool, fleet: Fleet, requests: ThreadPoolExecutor) -> None:
    for _ in range(LIMIT):
        submit_held(pool, requests)
    wait_until_busy(fleet, LIMIT)
    with pytest.raises(Throttled):
        pool.invoke(b"{}", wait_s=0.05)
    for environment in fleet.made:
        environment.release.set()
    assert pool.invoke(b"{}", wait_s=5).error is None


def test_event_over_the_limit_of_lambda_is_refused_before_a_start(pool: Pool, fleet: Fleet) -> None:
    with pytest.raises(RequestTooLarge, match="6291456 bytes"):
        pool.invoke(b" " * (MAX_REQUEST_BYTES + 1))
    assert not fleet.made


def test_closing_ends_all_environments_and_waiting_requests(fleet: Fleet, requests: ThreadPoolExecutor) -> None:
    with ThreadPoolExecutor(2) as starter:
        pool = Pool(fleet.create, starter, limit=1)
        busy, waiting = submit_held(pool, requests), submit_held(pool, requests)
        eventually(lambda: len(fleet.made) == 1)
        pool.close()
        assert busy.exception(5) is None or isinstance(busy.exception(5), Throttled)
        assert waiting.exception(5) is None or isinstance(waiting.exception(5), Throttled)
        assert all(environment.closed for environment in fleet.made)
        with pytest.raises(Throttled):
            pool.invoke(b"{}")


def test_idle_environments_are_ended_except_the_last_used(
    pool: Pool, fleet: Fleet, requests: ThreadPoolExecutor
) -> None:
    futures = [submit_held(pool, requests) for _ in range(LIMIT)]
    wait_until_busy(fleet, LIMIT)
    for count, number in enumerate((0, 2, 1), 1):
        fleet.made[number].release.set()
        wait_until_done(futures, count)
    pool.end_idle(longer_than_s=60)
    assert [environment.closed for environment in fleet.made] == [False] * LIMIT
    pool.end_idle(longer_than_s=0)
    assert [environment.closed for environment in fleet.made] == [True, False, True]
    assert pool.invoke(b"{}").payload == b"1"


def test_idle_environment_is_ended_while_another_is_busy(
    pool: Pool, fleet: Fleet, requests: ThreadPoolExecutor
) -> None:
    futures = [submit_held(pool, requests) for _ in range(2)]
    wait_until_busy(fleet, 2)
    fleet.made[0].release.set()
    wait_until_done(futures, 1)
    pool.end_idle(longer_than_s=0)
    assert [environment.closed for environment in fleet.made] == [True, False]
    fleet.made[1].release.set()
