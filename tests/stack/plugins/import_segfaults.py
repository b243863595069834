"""Reads address 0 where it should be imported."""

import ctypes

ctypes.string_at(0)
