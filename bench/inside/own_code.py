"""Time our own code in a warm call, with a table and a sandbox that answer at once, and the least that a function does.

`python own_code.py EVENT ROUNDS` prints the times of both, in microseconds for each round; `python own_code.py EVENT
calls N` only calls N times, for counting instructions.
"""

import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.inside.function import Context
from interlock.composition.core import Core
from interlock.composition.execute import execute_app
from interlock.composition.job_worker import job_runner
from interlock.sandbox import Completed
from interlock.tools.messages import Answer, encode_answer

OWN_CALLS, BARE_CALLS = 20, 500


class Nothing:
    """A client whose every call succeeds with an empty answer."""

    def __getattr__(self, _operation: str) -> Callable[..., dict[str, Any]]:
        return lambda **_: {}


class AnswersAtOnce:
    """A sandbox whose every run has the same answer."""

    unfit = False
    _answer = encode_answer(Answer("succeeded", {"text": "hello", "n": 3}))

    def run(self, *_: Any, **__: Any) -> Completed:
        return Completed(pid=1, payload=self._answer)


def own() -> Callable[[str], str]:
    """Return the execute function without any I/O, from the event's text to the response's."""
    core = Core.from_env()
    core.__dict__["_dynamodb"] = Nothing()
    app = execute_app(core, job_runner(core, AnswersAtOnce()))  # type: ignore[arg-type]
    context = Context()
    return lambda text: json.dumps(app.resolve(json.loads(text), context))


def bare(text: str) -> str:
    """Do the least that a function does: parse the event and its body, call, write the result into a response."""
    body = json.loads(json.loads(text)["body"])
    return json.dumps({"statusCode": 200, "body": json.dumps({"result": echo(**body["input"])})})


def echo(text: str, n: int) -> dict[str, Any]:
    return {"text": text, "n": n}


def _each_us(call: Callable[[str], str], text: str, calls: int) -> float:
    times = []
    for _ in range(calls):
        began = time.perf_counter_ns()
        call(text)
        times.append((time.perf_counter_ns() - began) / 1000)
    return statistics.median(times)


def main(event: str, *arguments: str) -> None:
    """Print the times of each round."""
    text, ours = Path(event).read_text(), own()
    if json.loads(ours(text))["statusCode"] != 200:
        raise RuntimeError(ours(text))
    # The metrics of each call are written to standard output.
    terminal = os.dup(1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    if arguments[0] == "calls":
        for _ in range(int(arguments[1])):
            ours(text)
        return
    times: dict[str, list[float]] = {"own_us": [], "bare_us": []}
    for _ in range(int(arguments[0])):
        times["own_us"].append(_each_us(ours, text, OWN_CALLS))
        times["bare_us"].append(_each_us(bare, text, BARE_CALLS))
    os.write(terminal, json.dumps(times).encode())


if __name__ == "__main__":
    main(*sys.argv[1:])
