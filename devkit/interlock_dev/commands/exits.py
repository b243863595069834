"""Exit statuses of the commands, and the error that ends a command with one of them."""

from enum import IntEnum

from interlock_dev.project.errors import UsageError


class Exit(IntEnum):
    """Exit statuses, documented in docs/command.md."""

    OK = 0
    TOOL_FAILED = 1
    """The tool, or the job, has not succeeded."""
    USAGE = 2
    """Arguments, settings or the tool's input are not valid."""
    UNREACHABLE = 3
    """The service does not respond, is unavailable, or throttles."""
    REFUSED = 4
    """The service refuses: key, scope, no such job or plugin, conflict."""
    INTERRUPTED = 130
    """Ctrl-C."""


class CommandFailed(UsageError):
    """A command has failed. The message is printed as one line and names the fix."""

    def __init__(self, message: str, status: Exit) -> None:
        super().__init__(message)
        self.status = status
