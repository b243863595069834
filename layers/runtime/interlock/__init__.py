"""Interlock: governed execution of Python tools on AWS Lambda."""

__version__ = "0.1.0"
