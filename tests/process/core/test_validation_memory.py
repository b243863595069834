"""Schema validation of large values stays within a memory limit."""

import json
import subprocess
import sys

import pytest

from interlock.domain.problems import MAX_PROBLEMS

LISTS = {"anyOf": [{"type": "array", "items": {"type": "integer"}}, {"type": "array", "items": {"type": "boolean"}}]}
ITEM = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"], "additionalProperties": False}

LARGE = {
    "wrong items": ({"items": {"type": "integer"}}, '[""] * 2_000_000', "/0", '"" is not of type "integer"'),
    "wrong lists": ({"items": {"type": "integer"}}, "[[]] * 2_000_000", "/0", '[] is not of type "integer"'),
    "lists in lists": (
        {"items": {"items": {"type": "integer"}}},
        '[[""] * 1000] * 2000',
        "/0/0",
        '"" is not of type "integer"',
    ),
    "one of two lists": (LISTS, '[""] * 2_000_000', "", "not valid under any of the schemas"),
    "items of several types": (
        {"items": {"anyOf": [{"type": "integer"}, {"type": "null"}]}},
        '[""] * 2_000_000',
        "/0",
        '"" is not of type "integer" or "null"',
    ),
    "objects without a field": ({"items": ITEM}, "[{}] * 2_000_000", "/0/a", "is required"),
    "surplus fields": (ITEM, '{f"k{n}": n for n in range(400_000)}', "/k0", "is not a known field"),
    "wrong values": (
        {"additionalProperties": {"type": "string"}},
        '{f"k{n}": n for n in range(400_000)}',
        "/k0",
        '0 is not of type "string"',
    ),
    "the last of many": ({"items": {"type": "integer"}}, '[1] * 3_000_000 + [""]', "/3000000", 'of type "integer"'),
    "a list too long": ({"maxItems": 3}, "[1] * 3_000_000", "", "has more than 3 items"),
    "a list instead of text": ({"type": "string"}, "[1] * 3_000_000", "", '1] ... is not of type "string"'),
}

IN_BOUNDED_MEMORY = """
import json, resource, sys
from interlock.plugins.validation import SchemaValidator
schema, validator = json.loads(sys.argv[1]), SchemaValidator()
value = eval(sys.argv[2])
validator.problems("key", schema, None)
pages = int(open("/proc/self/statm").read().split()[0])
limit = pages * resource.getpagesize() + 160 * 1024 * 1024
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
json.dump(validator.problems("key", schema, value), sys.stdout)
"""


@pytest.mark.parametrize("name", LARGE)
def test_six_megabytes_of_invalid_input_are_validated_in_bounded_memory(name: str) -> None:
    schema, value, path, message = LARGE[name]
    command = [sys.executable, "-c", IN_BOUNDED_MEMORY, json.dumps(schema), value]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert answer.returncode == 0, answer.stderr[-500:]
    found = json.loads(answer.stdout)
    assert found[0]["path"] == path
    assert message in found[0]["message"]
    assert len(found) <= MAX_PROBLEMS
