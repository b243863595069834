"""Hooks that add to requests what the document does not contain: plugins, and inputs that fit their tools.

Without them, nearly all execute requests would be refused, and there would be no jobs to read or cancel.
"""

import json
import zlib
from typing import Any

import schemathesis

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGP4DwABAQEAGynq7wAAAABJRU5ErkJggg=="

REQUESTS: tuple[dict[str, Any], ...] = (
    {"plugin": "specimen", "tool": "echo", "input": {"text": "hello"}},
    {"plugin": "specimen", "tool": "wait", "input": {"seconds": 0.5}},
    {"plugin": "specimen", "tool": "wait", "input": {"seconds": 1}},
    {"plugin": "specimen", "tool": "fail", "input": {}},
    {"plugin": "specimen", "tool": "crash", "input": {}},
    {"plugin": "image", "tool": "inspect", "input": {"image": PNG}},
    {"plugin": "image", "tool": "inspect", "input": {"image": "no image"}},
    {},
)

CALLS: tuple[dict[str, Any], ...] = (
    {"method": "tools/list", "params": {}},
    {"method": "tools/call", "params": {"name": "specimen-echo", "arguments": {"text": "hello"}}},
    {"method": "tools/call", "params": {"name": "specimen-fail", "arguments": {}}},
    {"method": "tools/call", "params": {"name": "specimen-nothing"}},
)


def before_call(context: Any, case: Any, kwargs: Any) -> None:
    """Change most requests that fit the document so that they fit a tool as well. The change depends on the request
    only, so that a seed reproduces it. Requests that are meant to be refused stay as they are."""
    if not case.meta.generation.mode.is_positive or not isinstance(case.body, dict):
        return
    number = zlib.crc32(json.dumps(case.body, sort_keys=True).encode())
    if case.operation.label == "POST /mcp" and number & 1:
        case.body = {**case.body, **CALLS[number // 2 % len(CALLS)]}
        case.headers["MCP-Protocol-Version"] = "2025-11-25"
    if case.operation.label != "POST /v1/execute":
        return
    case.body = {**case.body, **REQUESTS[number % len(REQUESTS)]}
    if number & 0x100:
        case.headers["Prefer"] = "respond-async"


schemathesis.hook(before_call)
