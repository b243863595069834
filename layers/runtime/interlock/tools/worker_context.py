"""The input's files and the context that a tool receives in the worker process."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from interlock.domain.file_formats import StoredFile
from interlock.tools.messages import unreadable
from interlock.tools.worker_diagnostics import log_traceback

if TYPE_CHECKING:
    from interlock.input_requests import InputRequest
    from interlock.sandbox import Channel


def with_files(input: Any, files: Sequence[tuple[list[str | int], str]], folder: Path) -> Any:
    """Replace each upload in the input by the file that was fetched for it into the run's directory."""
    for location, name in files:
        at = input
        for part in location[:-1]:
            at = at[part]
        at[location[-1]] = StoredFile(folder / name)
    return input


class WorkerContext:
    """The `interlock.plugin.ToolContext` of one run."""

    def __init__(
        self, job_id: str, channel: Channel, methods: Collection[str] = (), responses: Mapping[str, Any] | None = None
    ) -> None:
        self._job_id = job_id
        self._channel = channel
        self._methods = methods
        self._responses = responses or {}
        self._logger = logging.Logger(f"interlock.job.{job_id}", logging.DEBUG)
        self._logger.addHandler(_ChannelHandler(channel))

    @property
    def job_id(self) -> str:
        return self._job_id

    @property
    def deadline(self) -> datetime:
        return datetime.fromtimestamp(self._channel.deadline, UTC)

    @property
    def cancelled(self) -> bool:
        return self._channel.cancelled

    @property
    def temp_dir(self) -> Path:
        return self._channel.temp_dir

    @property
    def logger(self) -> logging.Logger:
        return self._logger

    def progress(self, fraction: float, message: str = "") -> None:
        self._channel.progress(min(1.0, max(0.0, float(fraction))), str(message)[:200])

    def can_request(self, request: type[InputRequest[Any]]) -> bool:
        return request.method in self._methods

    def request_input[Value](self, **requests: InputRequest[Value]) -> dict[str, Value]:
        from interlock.input_requests import values_of  # noqa: PLC0415 - only the worker process imports pydantic

        return values_of(requests, self._responses)


class _ChannelHandler(logging.Handler):
    """Sends log records to the job's log, and their tracebacks to the function's log."""

    def __init__(self, channel: Channel) -> None:
        super().__init__()
        self._channel = channel

    def emit(self, record: logging.LogRecord) -> None:
        """Send a record. If it cannot be formatted, send its unformatted message with a note."""
        try:
            message = record.getMessage()
        except Exception as broken:  # interlock: allow ILK004 - logging never ends a run; the line says so
            message = f"{_unformatted(record.msg)} {unreadable(broken)}"
        self._channel.log(record.levelname.lower(), message)
        if record.exc_info and record.exc_info[1] is not None:
            log_traceback(self._channel, record.exc_info[1])


def _unformatted(message: object) -> str:
    return message if isinstance(message, str) else f"a {type(message).__name__}"
