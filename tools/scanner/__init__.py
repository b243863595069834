"""The scanner for code that bypasses governed execution. Standard library only; runs on Python 3.11 and later."""
