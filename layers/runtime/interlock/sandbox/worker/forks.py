"""SIGTERM in the processes that a tool forks.

They inherit the worker process's handler, which raises an exception. Without these hooks, a signal that arrives just
after the fork would be lost: Python forgets it, or the exception is raised in a hook that ignores it. The sender of the
signal, such as `multiprocessing.Pool.terminate`, would then wait forever.
"""

import os
import signal
import threading
from collections.abc import Collection
from signal import Handlers, getsignal, pthread_sigmask  # bound now, because code may replace the module's attributes

from interlock.sandbox.worker.channel import Channel

_SIGTERM = frozenset({signal.SIGTERM})


class _Mask(threading.local):
    """The mask of a thread before its fork."""

    before: Collection[int] = ()


_mask = _Mask()


def end_forked_processes_on_sigterm() -> None:
    """Let SIGTERM end the processes that this process forks from now on, unless the tool handles it itself."""
    os.register_at_fork(before=_block, after_in_child=_reset, after_in_parent=_unblock)


def _block() -> None:
    _mask.before = pthread_sigmask(signal.SIG_BLOCK, _SIGTERM)


def _reset() -> None:
    if Channel.handles(getsignal(signal.SIGTERM)):
        signal.signal(signal.SIGTERM, Handlers.SIG_DFL)
    _unblock()


def _unblock() -> None:
    pthread_sigmask(signal.SIG_SETMASK, _mask.before)
