"""Every order in which the calls of several actors can come: each is tried, none is left to chance.

A call to a port is one step, since every write is one conditional call. Actors are let through one step at a time; the
orders are gone through depth first, each from a fresh start. Of orders that differ only in which of two reads, or of
two calls to different ports, came first, one is tried: nobody could tell them apart.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

PATIENCE_S = 60
READS = frozenset({"store.get", "store.with_lapsed_lease", "objects.get"})

type Actor = Callable[[], object]


class Gate:
    """A `Passage` that lets one actor at a time do its next call. Calls of others, such as heartbeats, pass."""

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
        """Runs the actors: at each step the one of the next choice, without one the first that waits. Returns what each
        actor returned or raised, who could have been chosen at each step (the chosen one first), and the steps."""
        came: list[Any] = [None] * len(actors)
        threads = []
        for number, actor in enumerate(actors):
            self._turns[number] = threading.Semaphore(0)
            threads.append(threading.Thread(target=self._act, args=(number, actor, came), daemon=True))
            threads[-1].start()
            self._until_stopped()  # at its first call, one after the other: before it they share nothing
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
        return came, options, [f"{number}: {name}" for number, name in steps]

    def _new_ones(self, last: tuple[int, str] = (0, "")) -> list[int]:
        """Return the actors that may come next, but those whose call commutes with the last: that was tried."""
        waiting = sorted(self._waiting)
        new = [number for number in waiting if number >= last[0] or not _commute(self._waiting[number], last[1])]
        return new or waiting[:1]

    def _act(self, number: int, actor: Actor, came: list[Any]) -> None:
        self._mine.number = number
        try:
            came[number] = actor()
        except Exception as error:
            came[number] = error
        finally:
            self._stopped.release()

    def _until_stopped(self) -> None:
        """Until the actor that was let through waits for its next call, or is done."""
        assert self._stopped.acquire(timeout=PATIENCE_S), "an actor neither goes on nor ends"

    def _turn(self, number: int) -> None:
        assert self._turns[number].acquire(timeout=PATIENCE_S), "an actor was forgotten"


def _commute(one: str, other: str) -> bool:
    return {one, other} <= READS or one.partition(".")[0] != other.partition(".")[0]


def every_order(play: Callable[[Sequence[int]], list[list[int]]]) -> Iterator[Sequence[int]]:
    """Calls `play` with the choices of each order; it returns who could have been chosen at each step, the chosen one
    first. An order is its choices."""
    choices: list[int] = []
    left: list[list[int]] = []
    while True:
        options = play(choices)
        left += [others[1:] for others in options[len(left) :]]
        choices = [others[0] for others in options]
        yield choices
        while left and not left[-1]:
            left.pop()
        if not left:
            return
        choices = [*choices[: len(left) - 1], left[-1].pop(0)]
