"""The messages between the ToolRunner and the worker process: the code to load, a request and an answer, all JSON."""

from __future__ import annotations

import gc
import json
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from interlock import sandbox
from interlock.domain.json_text import TOO_DEEP, decoded, is_too_deep
from interlock.domain.manifest import PluginSource

if TYPE_CHECKING:
    from interlock.plugins.registry import ToolCall
    from interlock.sandbox import Code

MAX_MESSAGE = 2000
MAX_NAME = 200
MAX_PROBLEMS = 20
MAX_PROBLEM_TEXT = 300


class Answer(NamedTuple):
    """The answer of a worker process: `detail` is the result of a tool that succeeded; otherwise it depends on the
    verdict."""

    verdict: str
    detail: Any


class _Encoder(json.JSONEncoder):
    """An encoder with its own references to the methods, because a plugin may replace those of the base class."""

    default, encode, iterencode = json.JSONEncoder.default, json.JSONEncoder.encode, json.JSONEncoder.iterencode


_encode = _Encoder(allow_nan=False, ensure_ascii=False, separators=(",", ":")).encode


def code_of(call: ToolCall, settings: Mapping[str, Any] | None) -> Code:
    """Return the code that a worker process must have loaded for a call: one version of a plugin with its settings,
    with or without the network. Changed settings are therefore loaded by a new process."""
    plugin, source = call.plugin, call.plugin.source
    request: dict[str, Any] = {"module": source.module, "class_name": source.class_name, "path": source.path}
    request |= {"version": plugin.version, "revision": source.revision}
    if settings is not None:
        request["settings"] = settings
    return sandbox.Code(msgspec.json.encode(request), network=call.tool.network, fork_safe=plugin.fork_safe)


def parse_code(request: bytes) -> PluginSource:
    """Return the source of the plugin to load."""
    fields = json.loads(request)
    return PluginSource(fields["module"], fields["class_name"], fields["path"])


def parse_settings(request: bytes) -> Mapping[str, Any] | None:
    """Return the settings of the plugin to load, or None if it declares none."""
    settings: Mapping[str, Any] | None = json.loads(request).get("settings")
    return settings


def encode_request(call: ToolCall, job_id: str) -> bytes:
    """Return the request `{tool, input, files, job_id}` for a call, with `methods` and `responses` of its client if it
    can be asked for input.

    The input is JSON: it was parsed strictly, so it has no NaN, which msgspec would write as null.
    """
    given = call.client_input
    request: dict[str, Any] = {
        "tool": call.tool.name,
        "input": call.input,
        "files": [[one.location, one.file] for one in call.uploads],
        "job_id": job_id,
    }
    if given.methods:
        request |= {"methods": given.methods, "responses": given.responses}
    try:
        return msgspec.json.encode(request)
    except UnicodeEncodeError:  # a lone surrogate
        return json.dumps(request).encode()


def parse_request(request: bytes) -> Mapping[str, Any]:
    """Parse a request without garbage collections, each of which would go through all values of a large input again."""
    collects = gc.isenabled()
    gc.disable()
    try:
        parsed: Mapping[str, Any] = json.loads(request)
    finally:
        if collects:  # the plugin may have disabled it
            gc.enable()
    return parsed


def encode_answer(answer: Answer) -> bytes:
    """Return `{verdict, detail}`. A result that JSON cannot express becomes the verdict `invalid_output`."""
    try:
        return _encode(answer._asdict()).encode()
    except RecursionError:
        return _encode(Answer("invalid_output", [{"path": "", "message": TOO_DEEP}])._asdict()).encode()
    except (ValueError, TypeError) as error:  # NaN, a cycle, a lone surrogate, an unknown type
        problem = {"path": "", "message": f"cannot be written as JSON: {exception_text(error)}"}
        return _encode(Answer("invalid_output", [problem])._asdict()).encode()


def parse_answer(payload: bytes) -> Answer:
    """Parse an answer strictly by RFC 8259. Raises ValueError, KeyError or TypeError, and RecursionError for a detail
    that is nested too deeply.

    Python's parser also accepts NaN, numbers that are infinite as floats, and lone surrogates. These are refused.
    """
    text = payload.decode()
    answer = decoded(_decode, text)
    if "\\u" in text:  # rare, since the worker process escapes control characters only
        _encode(answer).encode()
    if is_too_deep(answer["detail"], text):
        raise RecursionError
    return Answer(answer["verdict"], answer["detail"])


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:50]} is not a JSON number")
    return number


_decode = json.JSONDecoder(parse_constant=_finite, parse_float=_finite).decode  # kept, like the encoder


def cut(text: str, length: int) -> str:
    """Cut a plugin's text to a length that the table accepts, and replace lone surrogates."""
    return text[:length].encode("utf-8", "replace").decode()


def problems_of(detail: Any) -> list[dict[str, str]]:
    """Return the well-formed entries of a plugin's list of problems, cut to a size that fits an error envelope."""
    found = detail[:MAX_PROBLEMS] if isinstance(detail, list) else []
    return [
        {name: cut(str(one[name]), MAX_PROBLEM_TEXT) for name in ("path", "message")}
        for one in found
        if isinstance(one, dict) and one.keys() >= {"path", "message"}
    ]


def class_name(error: BaseException) -> str:
    """Return the name that the class was defined with, whatever its metaclass returns."""
    return cut(type.__dict__["__name__"].__get__(type(error)), MAX_NAME)


def exception_text(error: BaseException) -> str:
    """Return the text of an exception, cut to `MAX_MESSAGE`, or a note if its `__str__` fails."""
    try:
        return cut(str(error), MAX_MESSAGE)
    except BaseException as broken:  # interlock: allow ILK004 - of a plugin's __str__; the class name is reported
        return unreadable(broken)


def unreadable(error: BaseException) -> str:
    return f"(its text could not be read: {class_name(error)})"
