"""The rules of governed execution as pure data and functions: no I/O, no clock, no third-party package."""
