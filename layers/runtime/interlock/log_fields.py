"""The fields of all records of a function's log: the request, its caller, the job, and whether the start was cold.

A function handles one invocation at a time, so the fields belong to the process.
"""

import logging
from collections.abc import Mapping
from itertools import count

_fields: dict[str, object] = {}
_invocations = count()


def begin(**fields: object) -> None:
    """Begin the log of an invocation. `cold_start` is true for the first one of the process."""
    _fields.clear()
    add(**fields, cold_start=next(_invocations) == 0)


def add(**fields: object) -> None:
    """Add fields to the records that follow. Fields that are None are left out."""
    _fields.update({name: value for name, value in fields.items() if value is not None})


def current() -> Mapping[str, object]:
    return _fields


class _AddFields(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        for name, value in _fields.items():
            vars(record).setdefault(name, value)
        return True


_FILTER = _AddFields()


def install() -> None:
    """Add the fields to the records of the handlers that Lambda's runtime has set up."""
    for handler in logging.getLogger().handlers:
        handler.addFilter(_FILTER)
