"""Process-wide settings of the Python interpreter that one run would pass on to the next.

If a run changes a setting that libraries leave alone, the process is replaced. Settings that libraries also change in
honest use (an import that adds a warnings filter, a first `logging.warning()` that adds a handler, any inexact decimal
operation) are reset, and random generators are seeded afresh, since their state cannot be compared.
"""

import gc
import json
import logging
import os
import struct
import sys
import threading
import warnings
from typing import Any, cast

_CLASSES: tuple[type, ...] = (json.JSONEncoder, json.JSONDecoder, logging.Logger, logging.Handler, logging.Formatter)
"""Classes whose methods are replaced by monkeypatching."""


class InterpreterState:
    """A snapshot of the settings, taken when the object is created."""

    def __init__(self) -> None:
        self._settings = _settings()
        self._finders = [list(finders) for finders in (sys.meta_path, sys.path_hooks)]
        self._methods = [list(vars(one).values()) for one in _CLASSES]
        self._filters = list(warnings.filters)
        self._root = logging.root.level, list(logging.root.handlers), list(logging.root.filters)
        decimal = sys.modules.get("decimal")
        self._decimal_context = decimal.getcontext().copy() if decimal else None

    def unchanged(self) -> bool:
        """Return False if a setting has changed that cannot be reset."""
        return (
            _settings() == self._settings
            # Imports may append a finder, as `six` does: it is asked only for modules that no other finder has.
            and _begin_with(self._finders, [sys.meta_path, sys.path_hooks])
            and _begin_with(self._methods, [vars(one).values() for one in _CLASSES])
        )

    def reset(self) -> None:
        """Restore the settings that change in honest use."""
        self._reset_root_logger()
        if warnings.filters != self._filters:
            warnings.resetwarnings()
            cast("list[Any]", warnings.filters)[:] = self._filters
        if decimal := sys.modules.get("decimal"):
            decimal.setcontext(self._decimal_context.copy() if self._decimal_context else decimal.Context())
        seed_generators()

    def _reset_root_logger(self) -> None:
        root = logging.root
        level, handlers, filters = self._root
        if (root.level, root.handlers, root.filters) != self._root:
            root.handlers[:] = handlers
            root.filters[:] = filters
            root.setLevel(level)


def seed_generators() -> None:
    """Seed the global random generators. Otherwise, processes that are forked from the same process would draw the same
    numbers."""
    if random := sys.modules.get("random"):
        random.seed(int.from_bytes(os.urandom(16)))  # 5 µs; without an argument 13 µs
    if numpy_random := sys.modules.get("numpy.random.mtrand"):
        numpy_random.seed(struct.unpack("4I", os.urandom(16)))  # 18 µs; without an argument 99 µs


def _begin_with(before: list[list[Any]], now: list[Any]) -> bool:
    return all(list(present)[: len(past)] == past for past, present in zip(before, now, strict=True))


def _settings() -> tuple[object, ...]:
    sockets = sys.modules.get("_socket")
    return (
        gc.isenabled(),
        gc.get_threshold(),
        gc.get_debug(),
        list(gc.callbacks),
        logging.root.manager.disable,
        sockets.getdefaulttimeout() if sockets else None,
        _thread_stack_size(),
        threading.excepthook,
        warnings.showwarning,
        sys.getswitchinterval(),
        sys.get_int_max_str_digits(),
        sys.getdlopenflags(),
    )


def _thread_stack_size() -> int:
    # `stack_size()` without an argument also resets the size to the default.
    size = threading.stack_size()
    threading.stack_size(size)
    return size
