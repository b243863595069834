"""Errors that are reported to the developer in one line."""


class UsageError(Exception):
    """A command cannot be carried out. The message is printed as one line; the exit status is 2."""
