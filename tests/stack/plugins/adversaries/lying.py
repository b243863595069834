"""Return values that break the tool's declaration."""

import asyncio
import json
import sys
from collections.abc import Callable
from typing import Any

from interlock.plugin import ToolContext

from .adversary import ENOUGH_S, Adversary, Asked, Said, tool


class More(Said):
    """A subclass with an additional field."""

    extra: int = 1


class Dumper(Said):
    """A model whose `model_dump` returns values of other types."""

    def model_dump(self, **_: Any) -> Any:
        return {"text": 5, "number": "many", "facts": []}


class Nonsense(Said):
    def model_dump(self, **_: Any) -> Any:
        return {"text": object()}


class Stubborn(Said):
    def model_dump(self, **_: Any) -> Any:
        raise LookupError("will not be dumped")


class Mapping(dict[str, Any]):
    def __getattribute__(self, name: str) -> Any:
        raise LookupError(name)


def _nested(depth: int) -> dict[str, Any]:
    inner: Any = 1
    for _ in range(depth):
        inner = [inner]
    return {"facts": {"inner": inner}}


def _circle() -> dict[str, Any]:
    facts: dict[str, Any] = {}
    facts["facts"] = facts
    return {"facts": facts}


async def _coroutine() -> Said:
    await asyncio.sleep(0)
    return Said()


def _forge(answer: bytes) -> dict[str, Any]:
    """Make the worker process send something else than an answer of the framework, once."""
    runner: Any = sys.modules["interlock.tools.tool_runner"]
    honest = runner.encode_answer

    def forged(*_: object) -> bytes:
        runner.encode_answer = honest
        return answer

    runner.encode_answer = forged
    return {"text": "never sent"}


WAYS: dict[str, Callable[[], Any]] = {
    "a model": lambda: Said(text="model", number=1),
    "a dict": lambda: {"text": "dict", "number": 2},
    "a subclass": lambda: More(text="subclass", number=3),
    "nan": lambda: Said(number=float("nan")),
    "infinity": lambda: Said(number=float("-inf")),
    "nan inside": lambda: {"numbers": [0.5, float("nan")]},
    "none": lambda: None,
    "a list": lambda: [1, 2],
    "an object": object,
    "bytes": lambda: b'{"text": "x"}',
    "a set": lambda: {"text"},
    "a coroutine": _coroutine,
    "a generator": lambda: (one for one in range(3)),
    "the class": lambda: Said,
    "an object inside": lambda: {"facts": {"a": object()}},
    "bytes inside": lambda: {"facts": {"a": b"\xff\xfe"}},
    "wrong types": lambda: {"text": 5, "number": "many", "facts": {}},
    "a wrong type in a model": lambda: Said.model_construct(text=5),  # type: ignore[arg-type]
    "an odd mapping": lambda: Mapping(text="odd"),
    "a circle": _circle,
    "300 deep": lambda: _nested(300),
    "100,000 deep": lambda: _nested(100_000),
    "half of a pair": lambda: {"text": "\ud83d"},
    "half of a pair inside": lambda: {"facts": {"a": "\ud83d"}},
    "5,000 digits": lambda: {"facts": {"a": 10**5000}},
    "400 digits": lambda: {"facts": {"a": 10**400}},
    "other than it is": Dumper,
    "nonsense": Nonsense,
    "not at all": Stubborn,
    "forged: no JSON": lambda: _forge(b"\xff\x00 nonsense"),
    "forged: nothing": lambda: _forge(b""),
    "forged: no object": lambda: _forge(b"[1]"),
    "forged: unknown verdict": lambda: _forge(b'{"verdict": "innocent", "detail": 1}'),
    "forged: unhashable verdict": lambda: _forge(b'{"verdict": [], "detail": 1}'),
    "forged: no details": lambda: _forge(b'{"verdict": "exception", "detail": null}'),
    "forged: NaN": lambda: _forge(b'{"verdict": "succeeded", "detail": {"number": NaN}}'),
    "forged: 1e999": lambda: _forge(b'{"verdict": "succeeded", "detail": {"number": 1e999}}'),
    "forged: half of a pair": lambda: _forge(b'{"verdict": "succeeded", "detail": {"text": "\\ud83d"}}'),
    "forged: half of a pair in a text": lambda: _forge(
        b'{"verdict": "exception", "detail": {"exception": "\\ud83d", "message": "\\ud83d"}}'
    ),
    "forged: 100,000 deep": lambda: _forge(b'{"verdict":' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
    "forged: huge texts": lambda: _forge(
        json.dumps({"verdict": "exception", "detail": {"exception": "e" * 10**6, "message": "m" * 10**6}}).encode()
    ),
    "forged: huge refusal": lambda: _forge(
        json.dumps({"verdict": "invalid_input", "detail": {"message": "m" * 10**6, "errors": ["e" * 10**6]}}).encode()
    ),
    "forged: huge reason": lambda: _forge(json.dumps({"verdict": "unavailable", "detail": "r" * 10**6}).encode()),
    "forged: huge misfit": lambda: _forge(json.dumps({"verdict": "invalid_output", "detail": "r" * 10**6}).encode()),
    "forged: errors of no form": lambda: _forge(
        b'{"verdict": "invalid_input", "detail": {"message": 5, "errors": [1, {"path": 2}, {"a": 1}]}}'
    ),
    "forged: 1e999 in an error": lambda: _forge(
        b'{"verdict": "invalid_input", "detail": {"message": "m", "errors": [{"path": 1e999, "message": NaN}]}}'
    ),
}


class Lying(Adversary):
    name, title = "lying", "Does not keep its word"

    @tool(timeout_s=ENOUGH_S, memory_mb=256)
    def go(self, input: Asked, context: ToolContext) -> Said:
        result: Said = WAYS[input.way]()
        return result
