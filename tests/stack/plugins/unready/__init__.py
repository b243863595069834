"""Plugins that can be described, and cannot be made ready to run."""

from .setups import SetupDies, SetupExits, SetupHangs, SetupIsSlow, SetupRaises

__all__ = ["SetupDies", "SetupExits", "SetupHangs", "SetupIsSlow", "SetupRaises"]
