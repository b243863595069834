"""Explore every order in which several actors can make their calls.

A call to a port is one step, because every write is one conditional call. The scheduler permits one step at a time. The
orders are explored depth first, each from a new start. Two reads, and two calls of different ports, commute: of orders
that differ only in such calls, one is tried.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

PATIENCE_S = 60
READS = frozenset(
    {
        *("store.get", "store.of_items", "store.stopping", "store.find_by_key", "store.with_lapsed_lease"),
        *("objects.get", "store.changes"),
    }
)

type Actor = Callable[[], object]


class CallScheduler:
    """A `CallInterceptor` that lets one actor at a time make its next call. Other calls, such as heartbeats, pass."""

    def __init__(self) -> None:
        self._turns: dict[int, threading.Semaphore] = {}
        self._mine = threading.local()
        self._stopped = threading.Semaphore(0)
        self._waiting: dict[int, str] = {}

    def call(self, name: str, action: Callable[[], Any]) -> Any:
        number = getattr(self._mine, "number", None)
        if number is not None:
            self._waiting[number] = name
            self._stopped.release()
            self._turn(number)
        return action()

    def run(self, actors: Sequence[Actor], choices: Sequence[int]) -> tuple[list[Any], list[list[int]], list[str]]:
        """Run the actors. Each step is made by the actor of the next choice, or by the first waiting actor.

        Return the result or exception of each actor, the actors that could have made each step (the chosen one first),
        and the steps."""
        results: list[Any] = [None] * len(actors)
        threads = []
        for number, actor in enumerate(actors):
            self._turns[number] = threading.Semaphore(0)
            threads.append(threading.Thread(target=self._act, args=(number, actor, results), daemon=True))
            threads[-1].start()
            self._until_stopped()  # one actor after the other: until its first call, each shares nothing
        options: list[list[int]] = []
        steps: list[tuple[int, str]] = []
        while self._waiting:
            step, new = len(options), self._new_ones(*steps[-1:])
            chosen = choices[step] if step < len(choices) else new[0]
            options.append([chosen, *(number for number in new if number != chosen)])
            steps.append((chosen, self._waiting.pop(chosen)))
            self._turns[chosen].release()
            self._until_stopped()
        for thread in threads:
            thread.join(PATIENCE_S)
        return results, options, [f"{number}: {name}" for number, name in steps]

    def _new_ones(self, last: tuple[int, str] = (0, "")) -> list[int]:
        """Return the actors that may make the next step, except those whose call commutes with the last."""
        waiting = sorted(self._waiting)
        new = [number for number in waiting if number >= last[0] or not _commute(self._waiting[number], last[1])]
        return new or waiting[:1]

    def _act(self, number: int, actor: Actor, results: list[Any]) -> None:
        self._mine.number = number
        try:
            results[number] = actor()
        except Exception as error:
            results[number] = error
        finally:
            self._stopped.release()

    def _until_stopped(self) -> None:
        """Wait until the chosen actor is at its next call, or has ended."""
        assert self._stopped.acquire(timeout=PATIENCE_S), "an actor neither makes a call nor ends"

    def _turn(self, number: int) -> None:
        assert self._turns[number].acquire(timeout=PATIENCE_S), "an actor was never chosen"


def _commute(one: str, other: str) -> bool:
    return {one, other} <= READS or one.partition(".")[0] != other.partition(".")[0]


def every_order(run_order: Callable[[Sequence[int]], list[list[int]]]) -> Iterator[Sequence[int]]:
    """Call `run_order` with the choices of each order, and yield the choices.

    `run_order` returns the actors that could have made each step, the chosen one first."""
    choices: list[int] = []
    left: list[list[int]] = []
    while True:
        options = run_order(choices)
        left += [others[1:] for others in options[len(left) :]]
        choices = [others[0] for others in options]
        yield choices
        while left and not left[-1]:
            left.pop()
        if not left:
            return
        choices = [*choices[: len(left) - 1], left[-1].pop(0)]
