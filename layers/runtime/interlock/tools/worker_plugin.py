"""The plugin of a worker process: loaded once, by the process from which worker processes are forked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from interlock.plugins.loading import load_plugin_class
from interlock.tools.messages import Answer, encode_answer, parse_code, parse_settings
from interlock.tools.worker_diagnostics import InterpreterReports, log_traceback, why_unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from interlock.sandbox import Channel

MAX_FAILURES_IN_A_ROW = 3
"""A process is replaced after this many consecutive failures: something that an earlier run left may cause them."""

_plugins: list[Any] = []
_reports = InterpreterReports()
_failures_in_a_row: list[str] = []


def load(request: bytes, channel: Channel) -> bytes | None:
    """Load the plugin. Return None, or the answer to the request that needs the plugin if it cannot be loaded."""
    _reports.direct_to(channel)
    plugin = set_up(lambda: load_plugin_class(parse_code(request)), parse_settings(request), channel)
    if isinstance(plugin, Answer):
        return encode_answer(plugin)
    _plugins.append(plugin)
    return None


def set_up(load_class: Callable[[], type[Any]], settings: Mapping[str, Any] | None, channel: Channel) -> Any | Answer:
    """Return an instance of the plugin that is ready to run tools, or the answer if it cannot be loaded."""
    try:
        plugin = load_class()()
        if settings is not None:
            from interlock.plugin_settings import configure  # noqa: PLC0415 - only the worker process imports pydantic

            configure(plugin, settings)
        plugin.setup()
    except BaseException as error:  # any failure of an import or setup() makes the plugin unavailable
        log_traceback(channel)
        return Answer("unavailable", why_unavailable(error))
    return plugin


def loaded(channel: Channel) -> Any:
    """Return the plugin for a run. Its unhandled exceptions and warnings are reported to the run's channel."""
    _reports.direct_to(channel)
    return _plugins[0]


def retire_after_failures(verdict: str, channel: Channel) -> None:
    """Have the process replaced after this run if it has failed too often in a row."""
    if verdict == "succeeded":
        _failures_in_a_row.clear()
    elif verdict not in {"invalid_input", "input_required"}:
        _failures_in_a_row.append(verdict)
    if len(_failures_in_a_row) >= MAX_FAILURES_IN_A_ROW:
        channel.retire()
