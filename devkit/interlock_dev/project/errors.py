"""What goes wrong before or around a function, as the developer is told of it."""


class UsageError(Exception):
    """Something the developer asked for cannot be done. The message is the one line that is printed; exit status 2."""
