"""A plugin whose tools end in every way, and a channel that records what its worker reports."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

PLUGIN = """
import logging
import threading
import warnings
from typing import Any
from pydantic import BaseModel
from interlock.plugin import Cancelled, InputRequired, InvalidInput, Plugin, tool

loaded = []

class In(BaseModel):
    text: str = ""

class Out(BaseModel):
    text: str

class Number(BaseModel):
    n: float

class Value(BaseModel):
    value: Any

class Silent(Exception):
    def __str__(self):
        raise SystemExit(1)

class Probe(Plugin):
    name, version = "probe", "1"

    def setup(self):
        loaded.append(self)

    @tool()
    def echo(self, input: In, context) -> Out:
        context.progress(0.5, "half")
        context.logger.warning("careful with %s", input.text)
        return {"text": input.text + "|" + str(len(loaded)) + "|" + context.job_id}

    @tool()
    def raises(self, input: In, context) -> Out:
        raise KeyError(input.text)

    @tool()
    def long(self, input: In, context) -> Out:
        raise ValueError("x" * 100_000)

    @tool()
    def silent(self, input: In, context) -> Out:
        raise Silent

    @tool()
    def exits(self, input: In, context) -> Out:
        raise SystemExit(4)

    @tool()
    def stops(self, input: In, context) -> Out:
        raise Cancelled(input.text)

    @tool()
    def wordy(self, input: In, context) -> Out:
        raise type("E" * 1000, (Exception,), {})("\\n".join("line" for _ in range(1000)))

    @tool()
    def refuses(self, input: In, context) -> Out:
        raise InvalidInput("/text", "is not for me")

    @tool()
    def asks(self, input: In, context) -> Out:
        raise InputRequired({"name": {"method": "roots/list", "params": {}}})

    @tool()
    def tampers(self, input: In, context) -> Out:
        refusal = InvalidInput("/text", "is not for me")
        refusal.details = None
        raise refusal

    @tool()
    def recurses(self, input: In, context) -> Out:
        def there(levels):
            return back(levels - 1) if levels else 1 // 0
        def back(levels):
            return there(levels - 1) if levels else 1 // 0
        return there(58)

    @tool()
    def misfits(self, input: In, context) -> Out:
        return {"txt": 1}

    @tool()
    def greedy(self, input: In, context) -> Out:
        raise MemoryError

    @tool()
    def nan(self, input: In, context) -> Number:
        return {"n": float("nan")}

    @tool()
    def anything(self, input: In, context) -> Value:
        return {"value": eval(input.text)}

    @tool()
    def threads(self, input: In, context) -> Out:
        thread = threading.Thread(target=lambda: {}[input.text], name="helper")
        thread.start()
        thread.join()
        leaves = threading.Thread(target=exit)
        leaves.start()
        leaves.join()
        return {"text": "done"}

    @tool()
    def warns(self, input: In, context) -> Out:
        warnings.simplefilter("always")
        warnings.warn(input.text)
        return {"text": "done"}

    @tool()
    def ignores(self, input: In, context) -> Out:
        class Falls:
            def __del__(self):
                raise LookupError(input.text)
        Falls()
        return {"text": "done"}

    @tool()
    def logs(self, input: In, context) -> Out:
        context.logger.info("took %d s", "two")
        try:
            {}[input.text]
        except KeyError:
            context.logger.exception("no such key")
        return {"text": "done"}
"""


class RecordingChannel:
    """A fake of `interlock.sandbox.Channel`."""

    def __init__(self, temp_dir: Path) -> None:
        self.calls: list[Any] = []
        self.cancelled = False
        self.deadline = 1_800_000_000.0
        self.temp_dir = temp_dir

    def arm(self, exception: type[BaseException]) -> None:
        self.calls.append(("arm", exception.__name__))

    def disarm(self) -> None:
        self.calls.append("disarm")

    def retire(self) -> None:
        self.calls.append("retire")

    def mark_interrupted(self) -> None:
        self.calls.append("interrupted")

    def progress(self, fraction: float, message: str) -> None:
        self.calls.append(("progress", fraction, message))

    def log(self, level: str, message: str) -> None:
        self.calls.append(("log", level, message))


type Ask = Callable[..., tuple[str, Any]]
