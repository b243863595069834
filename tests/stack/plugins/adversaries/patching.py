"""Replace functions that other code relies on."""

import builtins
import io
import json
import json.encoder
import logging
import os
import signal
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any, NoReturn

from interlock.plugin import Plugin


class Unwritable(io.StringIO):
    """A stream whose methods all fail."""

    def write(self, _: str) -> int:
        raise LookupError("no writing")

    def flush(self) -> None:
        raise LookupError("no flushing")


def fail(*_: object, **__: object) -> NoReturn:
    raise LookupError("vandalized")


def _set(owner: Any, **values: Any) -> None:
    for name, value in values.items():
        setattr(owner, name, value)


def _empty_sys_modules() -> None:
    for name in list(sys.modules):
        if name.partition(".")[0] not in {"sys", "builtins"}:
            del sys.modules[name]


def _spoil_logging() -> None:
    logging.disable()
    logging.shutdown()
    _set(logging, getLogger=fail, Logger=None)


def _trace() -> None:
    sys.settrace(fail)
    sys.setprofile(fail)


WAYS: dict[str, Callable[[], object]] = {
    "replaces sys.stdout": lambda: _set(sys, stdout=io.StringIO(), stderr=io.StringIO()),
    "broken sys.stdout": lambda: _set(sys, stdout=Unwritable(), stderr=Unwritable()),
    "no sys.stdout": lambda: _set(sys, stdout=None, stderr=None, stdin=None),
    "json.dumps": lambda: _set(json, dumps=fail, loads=fail, JSONEncoder=None, JSONDecoder=None),
    "json.JSONEncoder": lambda: _set(json.JSONEncoder, encode=fail, iterencode=fail, default=fail),
    "json.encoder": lambda: _set(json.encoder, c_make_encoder=None, encode_basestring_ascii=fail),
    "builtins": lambda: _set(builtins, print=None, open=None, isinstance=lambda *_: False, len=lambda _: 0),
    "print and open": lambda: _set(builtins, print=fail, open=fail, input=fail, exit=fail),
    "os": lambda: _set(os, write=fail, read=fail, environ=None, getcwd=fail, chdir=fail, kill=fail),
    "time": lambda: _set(time, monotonic=lambda: 0.0, time=lambda: 0.0, sleep=fail),
    "signal": lambda: _set(signal, signal=fail, getsignal=fail),
    "logging": _spoil_logging,
    "sys.modules": _empty_sys_modules,
    "sys.excepthook": lambda: _set(sys, excepthook=fail, unraisablehook=fail),
    "trace": _trace,
    "warnings are errors": lambda: warnings.simplefilter("error"),
    "the plugin API": lambda: _set(Plugin, run=fail),
}
