"""Plugins that can be described, but whose setup fails."""

from .setups import SetupDies, SetupExits, SetupHangs, SetupIsSlow, SetupRaises

__all__ = ["SetupDies", "SetupExits", "SetupHangs", "SetupIsSlow", "SetupRaises"]
