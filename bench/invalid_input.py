"""Lists of 2 to 6 MB that do not fit a tool's schema: what refusing the worst of them costs beside reading it."""

import json
from collections.abc import Iterator

from bench.rows import Row
from bench.run import Run
from bench.warm import inside

ITEM = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"], "additionalProperties": False}
EITHER = [{"type": "array", "items": {"type": "integer"}}, {"type": "array", "items": {"type": "boolean"}}]

SHAPES = {
    "wrong items": ({"items": {"type": "integer"}}, '[""] * 1_500_000'),
    "wrong lists": ({"items": {"type": "integer"}}, "[[]] * 1_500_000"),
    "one of two lists": ({"anyOf": EITHER}, '[""] * 1_500_000'),
    "items of several types": ({"items": {"anyOf": [{"type": "integer"}, {"type": "null"}]}}, '[""] * 1_500_000'),
    "objects without a field": ({"items": ITEM}, "[{}] * 1_500_000"),
    "the last of many": ({"items": {"type": "integer"}}, '[1] * 2_500_000 + [""]'),
    "a list too long": ({"maxItems": 3}, "[1] * 2_500_000"),
    "objects in a shorter list": ({"items": ITEM}, '[{"a": ""}] * 400_000'),
}


def rows(run: Run) -> Iterator[Row]:
    """Measure each shape in new processes. The worst one is reported."""
    times, memory = {}, {}
    for name, (schema, value) in SHAPES.items():
        read, refused = (inside(run, "refusal.py", what, json.dumps(schema), value) for what in ("read", "refuse"))
        times[name] = (refused["seconds"][0], refused["seconds"][0] / read["seconds"][0])
        memory[name] = refused["peak_mb"][0] / read["peak_mb"][0]
    slowest = max(times, key=lambda name: times[name][0])
    yield Row("refusing an invalid list of 2 to 6 MB, worst", times[slowest][0], "s", note=slowest)
    largest = max(memory, key=lambda name: memory[name])
    yield Row("peak memory of refusing ÷ of reading an invalid list, worst", memory[largest], "ratio", note=largest)
