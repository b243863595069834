"""The context of a running tool. Part of the plugin API (`interlock.plugin`)."""

import logging
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from interlock.input_requests import InputRequest


@runtime_checkable
class ToolContext(Protocol):
    """The context of a running tool: its job, deadline, directory, logger, progress, a requested cancel, and input from
    its client."""

    @property
    def job_id(self) -> str:
        """The ULID of the job."""

    @property
    def deadline(self) -> datetime:
        """The latest time at which the tool is stopped (aware, UTC)."""

    @property
    def cancelled(self) -> bool:
        """True once a cancel was requested. A tool that catches `Cancelled` polls this."""

    @property
    def temp_dir(self) -> Path:
        """A directory that belongs to this run and is removed when it ends."""

    @property
    def logger(self) -> logging.Logger:
        """A logger whose lines appear in the job's log."""

    def progress(self, fraction: float, message: str = "") -> None:
        """Report progress: `fraction` from 0 to 1, and `message` for a human (the first 200 characters are kept)."""

    def can_request(self, request: type[InputRequest[Any]]) -> bool:
        """Return whether the client can respond to requests of this class. Callers of the HTTP API cannot."""

    def request_input[Value](self, **requests: InputRequest[Value]) -> dict[str, Value]:
        """Return the client's responses to all of these requests, by name. Raise `InputRequired` if one is missing.

        The run ends then, and the tool is run again from the beginning when the client has responded: make requests
        before work that takes long or has effects. If the client cannot respond, the job fails with code
        `input_required`.
        """
