"""A plugin whose import causes a segmentation fault."""

import ctypes

ctypes.string_at(0)
